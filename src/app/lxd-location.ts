/** How the providers of an LXD are opened: the usual one of this machine, or that of a Location of type lxd. */
import type { LocationSpec } from "../kinds/location.ts";
import type { Resource } from "../model/resource.ts";
import { type LxdOptions, type LxdProviders, lxdProviders } from "../providers/lxd/index.ts";
import { required, textsOf } from "./location-secrets.ts";

type Parts = Parameters<typeof textsOf>[3];

export function openLxd(parts: Parts, location?: Resource<LocationSpec>): LxdProviders {
  const settings = location === undefined ? { engine: {} } : settingsOf(location, parts);
  const bridgeOf = (namespace: string, name: string): string | undefined => {
    const found = parts.store.get({ kind: "Network", namespace, name }) as
      | Resource<unknown, { readonly bridge?: string }>
      | undefined;
    return found?.status?.bridge;
  };
  return lxdProviders({ ...settings, bridgeOf, home: parts.keyring.derive("home").slice(0, 12) });
}

function settingsOf(location: Resource<LocationSpec>, parts: Parts): Omit<LxdOptions, "home"> {
  const { endpoint, tls, project, pool } = location.spec.lxd ?? {};
  return {
    engine: {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(project === undefined ? {} : { project }),
      ...(tls === undefined ? {} : { tls: certificates(location, tls.secret, parts) }),
    },
    ...(pool === undefined ? {} : { pool }),
  };
}

function certificates(
  location: Resource<LocationSpec>,
  secret: string,
  parts: Parts,
): NonNullable<LxdOptions["engine"]["tls"]> {
  const path = "spec.lxd.tls.secret";
  const texts = required(textsOf(location, secret, path, parts), ["server.pem", "cert.pem", "key.pem"], {
    secret,
    path,
    hint: "Give it all three: LXD's own certificate, and one that LXD trusts with its key.",
  });
  return { server: texts["server.pem"], cert: texts["cert.pem"], key: texts["key.pem"] };
}
