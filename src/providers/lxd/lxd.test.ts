/** The providers of class lxd keep the contract, on a real LXD. */
import { afterAll, beforeAll } from "vitest";
import { volume } from "../../kinds/volume.ts";
import { machine } from "../../kinds/machine.ts";
import { network } from "../../kinds/network.ts";
import { providerConformance } from "../../provider/conformance.ts";
import type { Desired, Provider } from "../../provider/provider.ts";
import { type LxdDaemon, someRange, startLxd } from "./fixtures/daemon.ts";
import { lxdProviders } from "./index.ts";

let daemon: LxdDaemon;
beforeAll(async () => {
  daemon = await startLxd();
}, 120_000);
afterAll(async () => {
  await daemon.close();
}, 120_000);

const RANGE = someRange();
const OTHER_RANGE = someRange();
/** An interface of the host. */
const BY_HAND = `hand${RANGE.replaceAll(".", "")}`;

const signal = AbortSignal.timeout(600_000);

function provider(kind: string): Provider {
  const { providers } = lxdProviders({ engine: { endpoint: daemon.endpoint }, home: daemon.folder });
  return providers.find((one) => one.kind === kind) as Provider;
}

function open(kind: string) {
  return () => {
    const opened = provider(kind);
    return Promise.resolve({
      provider: opened,
      reopen: () => Promise.resolve(provider(kind)),
      cleanup: async () => {
        const context = { signal, clock: undefined as never, keyring: undefined as never };
        for (const one of (await opened.list?.(context, {})) ?? []) await removeAsOthers(kind, one.id);
      },
    });
  };
}

async function removeAsOthers(kind: string, id: string): Promise<void> {
  const { lxd } = daemon;
  if (kind === "Machine") {
    await lxd
      .send("PUT", `/1.0/instances/${id}/state`, {
        body: { action: "stop", force: true, timeout: -1 },
        signal,
      })
      .catch(() => undefined);
    await lxd.send("DELETE", `/1.0/instances/${id}`, { signal });
  } else if (kind === "Network") await lxd.send("DELETE", `/1.0/networks/${id}`, { signal });
  else {
    const [pool, name] = id.split("/");
    await lxd.send("DELETE", `/1.0/storage-pools/${pool}/volumes/custom/${name}`, { signal });
  }
}

function networks(): Promise<readonly { readonly name: string; readonly managed: boolean }[]> {
  return daemon.lxd.get("/1.0/networks", signal, { recursion: "1" });
}

function desired(kind: string, name: string, spec: unknown): Desired {
  return {
    identity: { kind, namespace: "default", name, uid: `00000000-0000-4000-8000-${kind}` },
    spec,
    status: undefined,
  };
}

const theMachine = desired(
  "Machine",
  "web",
  machine.body.shape.spec.parse({
    class: "lxd",
    image: "busybox",
    cpu: "500m",
    memory: "64Mi",
    disk: "100Mi",
    env: { GREETING: "hello" },
    files: [{ path: "/srv/www/index.html", content: "hello\n" }],
    command: "test $GREETING = hello && cat /srv/www/index.html > /run/commanded",
  }),
);

providerConformance("LXD's machines", {
  open: open("Machine"),
  desired: theMachine,
  takeAway: async ({ identity }) => {
    const [found] = (await daemon.instances()).filter(
      ({ config }) => config["user.tutti.uid"] === identity.uid,
    );
    await removeAsOthers("Machine", found?.name ?? "");
  },
  holdsNoData: "What is to outlive a machine is on Volumes; a snapshot keeps its disk.",
  spoil: async ({ identity }) => {
    const [found] = (await daemon.instances()).filter(
      ({ config }) => config["user.tutti.uid"] === identity.uid,
    );
    await daemon.lxd.send("PATCH", `/1.0/instances/${found?.name}`, {
      body: { config: { "limits.memory": "32MiB", "security.nesting": "true" } },
      signal,
    });
  },
  foreign: async () => {
    const source = { type: "image", alias: "busybox" };
    const devices = { root: { type: "disk", path: "/", pool: "default" } };
    await daemon.lxd.send("POST", "/1.0/instances", {
      body: { name: "by-hand", type: "container", profiles: [], source, devices },
      signal,
    });
    return "by-hand";
  },
});

providerConformance("LXD's networks", {
  open: open("Network"),
  desired: desired("Network", "lan", network.body.shape.spec.parse({ class: "lxd", cidr: `${RANGE}.0/24` })),
  takeAway: async () => {
    const all = await networks();
    await removeAsOthers("Network", all.find(({ managed }) => managed)?.name ?? "");
  },
  holdsNoData: "A network holds nothing.",
  spoil: async () => {
    const all = await networks();
    const name = all.find(({ managed }) => managed)?.name;
    await daemon.lxd.send("PATCH", `/1.0/networks/${name}`, {
      body: { config: { "ipv4.address": `${OTHER_RANGE}.1/24`, "ipv4.dhcp": "false" } },
      signal,
    });
  },
  foreign: async () => {
    await daemon.lxd.send("POST", "/1.0/networks", {
      body: {
        name: BY_HAND,
        type: "bridge",
        config: { "ipv4.address": `${RANGE}.1/24`, "ipv6.address": "none" },
      },
      signal,
    });
    return BY_HAND;
  },
});

providerConformance("LXD's volumes", {
  open: open("Volume"),
  desired: desired("Volume", "uploads", volume.body.shape.spec.parse({ class: "lxd", size: "20Mi" })),
  spoil: async () => {
    const path = "/1.0/storage-pools/default/volumes/custom";
    const [found] = await daemon.lxd.get<readonly { readonly name: string }[]>(path, signal, {
      recursion: "1",
    });
    await daemon.lxd.send("PATCH", `${path}/${found?.name}`, { body: { config: { size: "30MiB" } }, signal });
  },
  foreign: async () => {
    await daemon.lxd.send("POST", "/1.0/storage-pools/default/volumes/custom", {
      body: { name: "by-hand", content_type: "filesystem", config: { size: "20MiB" } },
      signal,
    });
    return "default/by-hand";
  },
});
