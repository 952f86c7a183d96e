/** Machines of LXD beyond the contract: what is refused, what happens in the middle, and what is changed while they run. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { machine } from "../../kinds/machine.ts";
import { network } from "../../kinds/network.ts";
import { volume } from "../../kinds/volume.ts";
import { conformanceContext as context } from "../../provider/conformance.ts";
import {
  type Desired,
  type Observation,
  type Provider,
  type SnapshotProvider,
  TerminalError,
} from "../../provider/provider.ts";
import { type LxdDaemon, startLxd } from "./fixtures/daemon.ts";
import { type LxdOptions, lxdProviders } from "./index.ts";
import { Instances, type LxdInstance } from "./instances.ts";

let daemon: LxdDaemon;
beforeAll(async () => {
  daemon = await startLxd();
}, 120_000);
afterAll(async () => {
  await daemon.close();
}, 120_000);

const { signal } = context;
const made: Desired[] = [];
let machines: Provider;
let networks: Provider;
let volumes: Provider;

function open(engine: LxdOptions["engine"] = { endpoint: daemon.endpoint }): readonly Provider[] {
  return lxdProviders({ engine, home: daemon.folder }).providers;
}
beforeEach(() => {
  [machines, networks, volumes] = open() as readonly [Provider, Provider, Provider];
});
afterEach(async () => {
  for (const desired of made.splice(0).toReversed()) {
    const provider = [machines, networks, volumes].find(({ kind }) => kind === desired.identity.kind);
    await provider?.remove(desired, { ...context, keepData: false });
  }
});

const SPECS = { Machine: machine, Network: network, Volume: volume };

function declared(kind: keyof typeof SPECS, name: string, spec: object): Desired {
  const desired = {
    identity: { kind, namespace: "default", name, uid: `uid-of-${name}` },
    spec: SPECS[kind].body.shape.spec.parse({ class: "lxd", ...spec }),
    status: undefined,
  };
  made.push(desired);
  return desired;
}

async function ready(provider: Provider, desired: Desired): Promise<Observation> {
  for (;;) {
    const seen = await provider.ensure(desired, context);
    if (seen.ready) return seen;
  }
}

/** As whoever asks does it: what is no fault for good is tried again. */
async function triedAgain(work: () => Promise<unknown>): Promise<void> {
  const error: unknown = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return;
  if (error instanceof TerminalError) throw error;
  await context.clock.sleep(100);
  await triedAgain(work);
}

const all = async (): Promise<readonly LxdInstance[]> => daemon.instances();

async function inside(name: string, command: string): Promise<string> {
  const { output } = await new Instances(daemon.lxd).run(name, ["/bin/sh", "-c", `${command} 2>&1`], signal);
  return output;
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

describe("a machine", () => {
  it("is on several networks, uses volumes, and gets and loses them while it runs", async () => {
    const { range } = daemon;
    await ready(networks, declared("Network", "front", { cidr: `${range}.0/25` }));
    await ready(networks, declared("Network", "back", { cidr: `${range}.128/25` }));
    await ready(volumes, declared("Volume", "files", { size: "20Mi" }));
    const alone = declared("Machine", "web", {
      image: "busybox",
      networks: [{ network: "front", address: `${range}.10` }],
    });
    const before = await ready(machines, alone);
    const more = {
      ...alone,
      spec: machine.body.shape.spec.parse({
        class: "lxd",
        image: "busybox",
        networks: [{ network: "front", address: `${range}.10` }, { network: "back" }],
        volumes: [{ volume: "files", path: "/srv/files" }],
        files: [{ path: "/srv/files/on/it", content: "declared" }],
      }),
    };
    const { outputs } = await ready(machines, more);
    expect(outputs).toMatchObject({
      address: `${range}.10`,
      addresses: { front: `${range}.10`, back: expect.stringContaining(`${range}.`) as string },
      id: before.outputs["id"],
    });
    const id = String(outputs["id"]);
    expect(await inside(id, "cat /srv/files/on/it")).toBe("declared");
    expect(await inside(id, "echo kept > /srv/files/a && cat /srv/files/a")).toBe("kept");
    expect(await refusal(volumes.remove(made[2] as Desired, { ...context, keepData: false }))).toMatchObject({
      message: expect.stringContaining(`in use by ${id}`) as string,
    });
    const after = await ready(machines, alone);
    expect(after.outputs["addresses"]).toEqual({ front: `${range}.10` });
    expect(await inside(id, "ls /srv/files/a")).toContain("No such file");
  });

  it("runs its command again when somebody has started it anew, and says so until then", async () => {
    const web = declared("Machine", "web", { image: "busybox", command: "echo once >> /root/runs" });
    const { outputs } = await ready(machines, web);
    const id = String(outputs["id"]);
    await ready(machines, web);
    expect(await inside(id, "cat /root/runs")).toBe("once");
    const body = { action: "restart", force: true, timeout: -1 };
    await daemon.lxd.send("PUT", `/1.0/instances/${id}/state`, { body, signal });
    expect(await machines.observe(web, context)).toMatchObject({ ready: false, actual: { command: null } });
    await ready(machines, web);
    expect(await inside(id, "cat /root/runs")).toBe("once\nonce");
  });

  it("says what its command said when that fails, without secrets", async () => {
    const web = declared("Machine", "web", {
      image: "busybox",
      env: { PASSWORD: context.keyring.seal("tell-nobody") },
      command: 'echo "no access with $PASSWORD" >&2; exit 3',
    });
    expect((await refusal(machines.ensure(web, context))).message).toBe(
      "Its command ended with code 3: no access with (secret).",
    );
  });

  it("is stopped and started as it is declared", async () => {
    const web = declared("Machine", "web", { image: "busybox" });
    await ready(machines, web);
    const stopped = { ...web, spec: { ...(web.spec as object), running: false } };
    expect(await ready(machines, stopped)).toMatchObject({ outputs: { state: "Stopped" } });
    expect(await ready(machines, web)).toMatchObject({ outputs: { state: "Running" } });
  });

  it("says what it uses", async () => {
    const web = declared("Machine", "web", { image: "busybox", memory: "64Mi" });
    await ready(machines, web);
    const measured = await machines.measure?.(web, context);
    const value = (name: string): number | undefined => measured?.find((one) => one.name === name)?.value;
    expect(value("tutti_machine_running")).toBe(1);
    expect(value("tutti_machine_memory_limit_bytes")).toBe(64 * 2 ** 20);
    expect(value("tutti_machine_cpu_seconds_total")).toBeGreaterThan(0);
  });

  it("is taken once as a snapshot, which outlives it", async () => {
    const taker = machines as SnapshotProvider;
    const web = declared("Machine", "web", { image: "busybox" });
    const { outputs } = await ready(machines, web);
    await inside(String(outputs["id"]), "echo kept > /root/a");
    const snapshot = { kind: "MachineSnapshot", namespace: "default", name: "monday", uid: "uid-of-monday" };
    await taker.snapshot(web, snapshot, context);
    await inside(String(outputs["id"]), "rm /root/a");
    await taker.snapshot(web, snapshot, context);
    await machines.remove(web, { ...context, keepData: false });
    const again = declared("Machine", "again", { from: { snapshot: "monday" } });
    const { outputs: of } = await ready(machines, again);
    expect(await inside(String(of["id"]), "cat /root/a")).toBe("kept");
    await taker.removeSnapshot(snapshot, context);
    await taker.removeSnapshot(snapshot, context);
    expect((await all()).map(({ name }) => name)).toEqual([of["id"]]);
  });
});

describe("a crash in the middle of making a machine", () => {
  it("of LXD leaves one machine, which is whole", async () => {
    const web = declared("Machine", "web", { image: "busybox", command: "true" });
    const making = machines.ensure(web, context).catch((error: unknown) => error);
    while ((await all()).length === 0);
    await daemon.kill();
    await making;
    expect((await refusal(machines.ensure(web, context))).message).toMatch(
      /^LXD at unix:.* cannot be reached: /,
    );
    await daemon.start();
    await ready(machines, web);
    expect(await all()).toMatchObject([{ status: "Running", config: { "user.tutti.uid": "uid-of-web" } }]);
  });

  it("of LXD, at any moment of making and removing, leaves neither two of anything nor any that is left over", async () => {
    const volumesThere = (): Promise<readonly unknown[]> =>
      daemon.lxd.get("/1.0/storage-pools/default/volumes/custom", signal);
    for (const delay of [30, 120, 300]) {
      const files = declared("Volume", "files", { size: "20Mi" });
      const web = declared("Machine", "web", {
        image: "busybox",
        volumes: [{ volume: "files", path: "/srv" }],
      });
      const make = async (): Promise<unknown> => {
        await ready(volumes, files);
        return ready(machines, web);
      };
      const remove = async (): Promise<void> => {
        await machines.remove(web, { ...context, keepData: false });
        await volumes.remove(files, { ...context, keepData: false });
      };
      for (const work of [make, remove]) {
        const working = work().catch((error: unknown) => error);
        await context.clock.sleep(delay);
        await daemon.kill();
        await working;
        await daemon.start();
        await triedAgain(work);
      }
      expect([await all(), await volumesThere()]).toEqual([[], []]);
    }
  });

  it("of who asked leaves one machine, which is whole", async () => {
    const web = declared("Machine", "web", { image: "busybox" });
    const ending = new AbortController();
    const making = machines
      .ensure(web, { ...context, signal: ending.signal })
      .catch((error: unknown) => error);
    while ((await all()).length === 0);
    ending.abort(new Error("it was killed"));
    await making;
    const [another] = open();
    await ready(another as Provider, web);
    expect(await all()).toHaveLength(1);
  });
});

describe("what cannot be is said before, and refused", () => {
  const prospect = (desired: Desired) => ({
    namespace: "default",
    name: desired.identity.name,
    spec: desired.spec as Record<string, unknown>,
    folder: "/",
    isNew: true,
  });
  const obstacle = async (provider: Provider, desired: Desired): Promise<unknown> =>
    (await provider.obstacles?.(prospect(desired), context))?.[0]?.code;
  const code = async (work: Promise<unknown>): Promise<string> => {
    const error = await refusal(work);
    expect(error).toBeInstanceOf(TerminalError);
    return (error as TerminalError).diagnostic.code;
  };

  it("an image that is missing", async () => {
    const web = declared("Machine", "web", { image: "no-such-image" });
    expect(await obstacle(machines, web)).toBe("ImageMissing");
    expect(await code(machines.ensure(web, context))).toBe("ImageMissing");
  });

  it("a range of addresses that is in use, or is none", async () => {
    const { range } = daemon;
    await ready(networks, declared("Network", "front", { cidr: `${range}.0/24` }));
    const other = declared("Network", "other", { cidr: `${range}.128/25` });
    expect(await obstacle(networks, other)).toBe("RangeTaken");
    const wrong = declared("Network", "wrong", { cidr: "10.1.0.0/99" });
    expect(await obstacle(networks, wrong)).toBe("InvalidRange");
    expect(await code(networks.ensure(wrong, context))).toBe("InvalidRange");
  });

  it("an address that another machine has", async () => {
    const { range } = daemon;
    await ready(networks, declared("Network", "front", { cidr: `${range}.0/24` }));
    const at = { image: "busybox", networks: [{ network: "front", address: `${range}.10` }] };
    await ready(machines, declared("Machine", "web", at));
    expect(await code(machines.ensure(declared("Machine", "other", at), context))).toBe("AddressTaken");
  });

  it("a network or a volume of another place", async () => {
    const web = declared("Machine", "web", { image: "busybox", networks: [{ network: "nowhere" }] });
    expect(await code(machines.ensure(web, context))).toBe("NetworkElsewhere");
  });

  it("a name that somebody else has given", async () => {
    const web = declared("Machine", "web", { image: "busybox" });
    const { outputs } = await ready(machines, web);
    await machines.remove(web, { ...context, keepData: false });
    const name = String(outputs["id"]);
    const source = { type: "image", alias: "busybox" };
    const devices = { root: { type: "disk", path: "/", pool: "default" } };
    const body = { name, type: "container", profiles: [], source, devices };
    await daemon.lxd.send("POST", "/1.0/instances", { body, signal });
    expect(await code(machines.ensure(web, context))).toBe("MachineInTheWay");
    expect(await machines.remove(web, { ...context, keepData: false })).toEqual([]);
    expect(await all()).toHaveLength(1);
    await daemon.lxd.send("DELETE", `/1.0/instances/${name}`, { signal });
  });

  it("a size in a pool that holds nothing to a size", async () => {
    const body = { name: "plain", driver: "dir", config: {} };
    await daemon.lxd.send("POST", "/1.0/storage-pools", { body, signal });
    const { providers } = lxdProviders({
      engine: { endpoint: daemon.endpoint },
      home: daemon.folder,
      pool: "plain",
    });
    const plain = providers.find(({ kind }) => kind === "Volume") as Provider;
    const files = declared("Volume", "files", { size: "20Mi" });
    expect(await obstacle(plain, files)).toBe("SizeNotEnforced");
    expect(await code(plain.ensure(files, context))).toBe("SizeNotEnforced");
    await daemon.lxd.send("DELETE", "/1.0/storage-pools/plain", { signal });
  });

  it("more than the project may have", async () => {
    const config = { "features.images": "false", "features.profiles": "false", "limits.instances": "1" };
    await daemon.lxd.send("POST", "/1.0/projects", { body: { name: "small", config }, signal });
    const [small] = open({ endpoint: daemon.endpoint, project: "small" });
    const first = declared("Machine", "first", { image: "busybox" });
    const second = declared("Machine", "second", { image: "busybox" });
    await ready(small as Provider, first);
    const capacities = await small?.capacities?.(context);
    expect(capacities).toMatchObject([{ name: "instances of the project", limit: 1, used: 1 }]);
    expect((await refusal((small as Provider).ensure(second, context))).message).toMatch(/maximum|limit/i);
    await small?.remove(first, { ...context, keepData: false });
    await daemon.lxd.send("DELETE", "/1.0/projects/small", { signal });
  });

  it("an LXD that is not there", async () => {
    const [nowhere] = open({ endpoint: "unix:///nowhere.socket" });
    const web = declared("Machine", "web", { image: "busybox" });
    expect(await obstacle(nowhere as Provider, web)).toBe("NoLxd");
    expect((await refusal((nowhere as Provider).ensure(web, context))).message).toBe(
      "LXD at unix:///nowhere.socket cannot be reached: there is no such socket.",
    );
  });
});

it("is reached over https by a certificate that it trusts, and by no other", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { readonly port: number };
  probe.close();
  await once(probe, "close");
  await daemon.lxd.send("PATCH", "/1.0", {
    body: { config: { "core.https_address": `127.0.0.1:${port}` } },
    signal,
  });
  const [cert, key] = ["client.crt", "client.key"].map((name) => join(daemon.folder, name)) as [
    string,
    string,
  ];
  const usual = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", [...usual, "-subj", "/CN=tutti", "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  const tls = {
    server: readFileSync(join(daemon.folder, "server.crt"), "utf8"),
    cert: readFileSync(cert, "utf8"),
    key: readFileSync(key, "utf8"),
  };
  const { describe: ask, providers } = lxdProviders({
    engine: { endpoint: `https://127.0.0.1:${port}`, tls },
    home: daemon.folder,
  });
  expect((await refusal(ask())).message).toContain("does not trust this certificate");
  const certificate = tls.cert.replace(/-----[A-Z ]+-----|\s/g, "");
  await daemon.lxd.send("POST", "/1.0/certificates", {
    body: { type: "client", name: "tutti", certificate },
    signal,
  });
  expect(await ask()).toMatch(/^LXD 5\./);
  const web = declared("Machine", "web", { image: "busybox" });
  expect(await ready(providers[0] as Provider, web)).toMatchObject({ outputs: { state: "Running" } });
  const stranger = lxdProviders({
    engine: { endpoint: `https://127.0.0.1:${port}`, tls: { ...tls, server: tls.cert } },
    home: daemon.folder,
  });
  expect((await refusal(stranger.describe())).message).toMatch(/cannot be reached: .*certificate/);
});
