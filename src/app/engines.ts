/**
 * Which engines each type of Location has, in order of preference for `auto`.
 *
 *   local   processes, then this machine's container engine; its own balancer, databases, volumes, networks, names first
 *   docker  containers of that engine; what it has no counterpart for (balancers, names) is this machine's
 *   lxd     machines, networks and volumes of that LXD; databases, balancers and names are this machine's, and bridges if LXD is on it
 *
 *  - Containers share the host's network unless they are put on one of class docker, so `loopback` comes first everywhere.
 */
import { join } from "node:path";
import type { Clock } from "../clock/clock.ts";
import type { LocationSpec } from "../kinds/location.ts";
import type { Resource } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import { placed } from "../provider/placement.ts";
import type { Placement } from "../provider/placement.ts";
import { BridgeNetworks } from "../providers/bridge/index.ts";
import { DataProvider } from "../providers/data/index.ts";
import { databaseProviders, localServers } from "../providers/databases/index.ts";
import { type DockerProviders, dockerProviders } from "../providers/docker/index.ts";
import { HaproxyBalancers } from "../providers/haproxy/index.ts";
import { prometheusMonitors } from "../providers/prometheus/index.ts";
import { terraformProviders } from "../providers/terraform/index.ts";
import { toolProviders } from "../providers/tools/index.ts";
import type { LocalProviders } from "../providers/local/index.ts";
import type { Store } from "../store/store.ts";
import type { Engines, OpenLocation } from "./classes.ts";
import { readSecret } from "./controllers.ts";
import { required, textsOf } from "./location-secrets.ts";
import { openLxd } from "./lxd-location.ts";
import { said } from "./said.ts";
import { withNames } from "./zone-records.ts";

export interface EngineParts {
  readonly local: LocalProviders;
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** The state folder, absolute. */
  readonly folder: string;
  /** How programs of this machine reach the control plane, once it listens. */
  readonly controlPlane: () => { readonly url: string; readonly token: string };
}

export interface AllEngines {
  readonly local: Engines;
  readonly locations: ReadonlyMap<string, OpenLocation>;
}

export function allEngines(parts: EngineParts): AllEngines {
  const { clock } = parts;
  const local = withNames(parts.local);
  const here = openDocker(parts, {});
  const lxd = openLxd(parts);
  const haproxy = new HaproxyBalancers({ host: local.servers, clock });
  const databases = databaseProviders({ servers: [...localServers(local.servers), here.databaseServers] });
  const prometheus = prometheusMonitors({ host: local.servers, controlPlane: parts.controlPlane });
  const data = new DataProvider();
  // Their programs run beside the control plane, wherever what they make is.
  const terraform = terraformProviders({
    folder: join(parts.folder, "terraform"),
    clock,
    lookUp: (key) => parts.store.get(key),
    env: process.env,
  });
  const tools = toolProviders({
    folder: join(parts.folder, "tools"),
    // Nothing depends on it.
    told: (identity, text) => said({ ...parts, source: "tools", lost: () => undefined }, identity, text),
  });
  const external = databases.filter((one) => one.class === "external");
  const bridges = openBridges(parts);
  const instances = [local.instances, here.instances];
  const others = [
    ...databases,
    ...local.providers,
    haproxy,
    prometheus,
    data,
    ...terraform.providers,
    ...tools,
    ...here.providers,
    ...lxd.providers,
  ];
  return {
    local: {
      instances,
      providers: [...others, bridges],
      close: () => {
        here.close();
        lxd.close();
        terraform.close();
        bridges.close();
      },
    },
    locations: new Map<string, OpenLocation>([
      [
        "local",
        (location): Engines => {
          if (location.spec.bridge === undefined) return { instances, providers: [...others, bridges] };
          const own = openBridges(parts, location);
          return { instances, providers: [...others, own], close: () => own.close() };
        },
      ],
      [
        "lxd",
        (location): Engines => {
          const { providers, describe, close } = openLxd(parts, location);
          const isHere = location.spec.lxd?.endpoint?.startsWith("https:") !== true;
          const own = openBridges(parts, location);
          return {
            instances: [],
            providers: [
              ...providers,
              ...local.providers.filter(({ kind }) => !LXD_MAKES.has(kind)),
              haproxy,
              prometheus,
              data,
              ...terraform.providers,
              ...tools,
              ...databases,
              ...(isHere ? [own] : []),
            ],
            describe,
            close: () => {
              close();
              own.close();
            },
          };
        },
      ],
      [
        "docker",
        (location): Engines => {
          const engine = openDocker(parts, dockerSettings(location, parts));
          return {
            instances: [engine.instances],
            providers: [
              ...engine.providers.filter(({ kind }) => kind !== "Network"),
              ...local.providers.filter(({ kind }) => kind !== "Volume"),
              haproxy,
              prometheus,
              data,
              ...terraform.providers,
              ...tools,
              ...engine.providers.filter(({ kind }) => kind === "Network"),
              ...databaseProviders({ servers: [engine.databaseServers] }),
              ...external,
            ],
            describe: engine.describe,
            close: engine.close,
          };
        },
      ],
    ]),
  };
}

const LXD_MAKES: ReadonlySet<string> = new Set(["Machine", "Network", "Volume"]);

function openBridges({ keyring }: EngineParts, location?: Resource<LocationSpec>): BridgeNetworks {
  const { namespace, database, switch: bridge } = location?.spec.bridge ?? {};
  return new BridgeNetworks({
    home: keyring.derive("home").slice(0, 12),
    ...(namespace === undefined ? {} : { namespace }),
    openVSwitch: {
      ...(database === undefined ? {} : { database }),
      ...(bridge === undefined ? {} : { bridge }),
    },
  });
}

type DockerSettings = Partial<
  Pick<Parameters<typeof dockerProviders>[0], "engine" | "base" | "databaseImages">
>;

function openDocker(
  { store, clock, keyring, folder }: EngineParts,
  settings: DockerSettings,
): DockerProviders {
  return dockerProviders({
    engine: {},
    clock,
    keyring,
    // The same for a state folder wherever it is mounted, and another for every other one.
    home: keyring.derive("home").slice(0, 12),
    folder: join(folder, "containers"),
    hidden: [folder],
    readSecret: (namespace, name) => readSecret(store, keyring, namespace, name),
    volumeFolder: (namespace, name) => {
      const { class: made, path } = seen(store, { kind: "Volume", namespace, name });
      return made === "docker" ? undefined : path;
    },
    networkClass: (namespace, name) => seen(store, { kind: "Network", namespace, name }).class,
    adoptedNetwork: (namespace, name) => seen(store, { kind: "Network", namespace, name }).adopted,
    ...settings,
  });
}

function seen(
  store: Store,
  key: { readonly kind: string; readonly namespace: string; readonly name: string },
): { readonly class?: string; readonly path?: string; readonly adopted?: string } {
  const found = store.get(key) as
    | Resource<Placement, { readonly path?: string; readonly adopted?: string; readonly made?: unknown }>
    | undefined;
  if (found === undefined) return {};
  const { path, adopted } = found.status ?? {};
  return {
    class: placed(found).class,
    ...(path === undefined ? {} : { path }),
    ...(adopted === undefined ? {} : { adopted }),
  };
}

function dockerSettings(location: Resource<LocationSpec>, parts: EngineParts): DockerSettings {
  const { docker } = location.spec;
  if (docker === undefined) return {};
  const { endpoint, address, tls, ssh, base, images } = docker;
  const texts = (secret: string, path: string): Readonly<Record<string, string>> =>
    textsOf(location, secret, path, parts);
  return {
    engine: {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(address === undefined ? {} : { address }),
      ...(tls === undefined
        ? {}
        : { tls: certificates(tls.secret, texts(tls.secret, "spec.docker.tls.secret")) }),
      ...(ssh === undefined ? {} : { ssh: signIn(texts(ssh.secret, "spec.docker.ssh.secret")) }),
    },
    ...(base === undefined ? {} : { base }),
    databaseImages: images,
  };
}

function certificates(
  secret: string,
  texts: Readonly<Record<string, string>>,
): { readonly ca: string; readonly cert: string; readonly key: string } {
  const found = required(texts, ["ca.pem", "cert.pem", "key.pem"], {
    secret,
    path: "spec.docker.tls.secret",
    hint: "Give it all three, as `docker --tlsverify` takes them.",
  });
  return { ca: found["ca.pem"], cert: found["cert.pem"], key: found["key.pem"] };
}

function signIn(texts: Readonly<Record<string, string>>): {
  readonly key?: string;
  readonly passphrase?: string;
  readonly password?: string;
  readonly knownHosts?: string;
} {
  const { key, passphrase, password, known_hosts: knownHosts } = texts;
  return {
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(password === undefined ? {} : { password }),
    ...(knownHosts === undefined ? {} : { knownHosts }),
  };
}
