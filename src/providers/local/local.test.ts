/** The embedded classes keep the contracts: real processes, real PostgreSQL, real sockets. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../clock/clock.ts";
import { validate } from "../../kinds/validate.ts";
import {
  type Opened,
  conformanceContext,
  instanceConformance,
  providerConformance,
} from "../../provider/conformance.ts";
import type { Desired, InstanceSpec, Provider } from "../../provider/provider.ts";
import { type LocalProviders, localProviders } from "./index.ts";

async function open<P>(
  choose: (local: LocalProviders) => P,
  first: readonly Desired[] = [],
): Promise<Opened<P>> {
  const folder = mkdtempSync(join(tmpdir(), "tutti-local-"));
  const providers = (): Promise<LocalProviders> =>
    localProviders({ folder, clock: systemClock, keyring: conformanceContext.keyring });
  let local = await providers();
  const made: Desired[] = [];
  for (const desired of first) {
    await providerOf(local, desired.identity.kind).ensure(desired, conformanceContext);
    made.push(desired);
  }
  return {
    provider: choose(local),
    reopen: async () => {
      local.close();
      local = await providers();
      return choose(local);
    },
    cleanup: async () => {
      for (const desired of subjects)
        await providerOf(local, desired.identity.kind).remove(desired, {
          ...conformanceContext,
          keepData: false,
        });
      for (const desired of made)
        await providerOf(local, desired.identity.kind).remove(desired, {
          ...conformanceContext,
          keepData: false,
        });
      local.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function providerOf(local: LocalProviders, kind: string): Provider {
  const found = local.providers.find((provider) => provider.kind === kind);
  if (found === undefined) throw new Error(`No provider of ${kind}.`);
  return found;
}

const subjects: Desired[] = [];

function desired(kind: string, name: string, spec: object = {}): Desired {
  const { resource, diagnostics } = validate({ kind, metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const subject = {
    identity: { kind, namespace: "default", name, uid: `uid-${name}` },
    spec: resource.spec,
    status: undefined,
  };
  subjects.push(subject);
  return subject;
}

const zone = desired("DNSZone", "shop", { domain: "shop.test" });
const noData = "it holds nothing that could be kept";

providerConformance("Volume of class directory", {
  open: () => open((local) => providerOf(local, "Volume")),
  desired: desired("Volume", "files"),
});
providerConformance("Network of class loopback", {
  open: () => open((local) => providerOf(local, "Network")),
  desired: desired("Network", "internal"),
  alwaysThere: "the loopback network is part of every machine",
  holdsNoData: noData,
});
providerConformance("LoadBalancer of class embedded", {
  open: () => open((local) => providerOf(local, "LoadBalancer")),
  desired: desired("LoadBalancer", "front", { routes: [{ service: "web" }] }),
  holdsNoData: noData,
});
providerConformance("DNSZone of class embedded", {
  open: () => open((local) => providerOf(local, "DNSZone")),
  desired: zone,
  holdsNoData: noData,
});
providerConformance("DNSRecord of class embedded", {
  open: () => open((local) => providerOf(local, "DNSRecord"), [zone]),
  desired: desired("DNSRecord", "www", { zone: "shop", name: "www", values: ["127.0.0.1"] }),
  holdsNoData: noData,
});

const instance = (command: readonly string[]): InstanceSpec => ({
  service: "api",
  template: "t",
  run: {
    command,
    workingDirectory: ".",
    folder: "/",
    env: { GREETING: "hello" },
    ports: [],
    volumes: [],
    resources: {},
    stop: { signal: "SIGTERM", grace: "2s", drain: "0s" },
  },
  ports: {},
});

instanceConformance("Class process", {
  open: () => open((local) => local.instances),
  lasting: instance(["/bin/sh", "-c", "echo started; echo $GREETING; exec sleep 60"]),
  ending: instance(["/bin/sh", "-c", "exit 3"]),
  impossible: instance(["there-is-no-such-program"]),
});
