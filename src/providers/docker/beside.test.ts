/** What an instance has beside its program: networks, files, volumes, init containers, sidecars. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Exit, Identity, InstanceSpec } from "../../provider/provider.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import {
  type Opened,
  context,
  instanceIdentity,
  instanceSpec,
  keyring,
  lasting,
  leftovers,
  linesOf,
  openInstances,
  outputOf,
  runIn,
  until,
} from "./fixtures/provider.ts";
import { digestOf } from "./identity.ts";
import { networkName, volumeName } from "./resource-names.ts";

let daemon: Daemon;
let one: Opened;
let exits: Exit[];
const HOME = `home-${process.pid}`;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.close());

beforeEach(() => {
  one = openInstances(daemon, { home: HOME });
  exits = [];
  one.provider.onExit((exit) => exits.push(exit));
});
afterEach(async () => {
  await one.provider.forget({ namespace: "default", name: "api" });
  one.provider.close();
});

async function start(spec: InstanceSpec, identity: Identity = instanceIdentity()): Promise<Identity> {
  await one.provider.start(identity, spec, context);
  return identity;
}

const run = (identity: Identity, spec: InstanceSpec, command: string): Promise<string> =>
  runIn(one.provider, identity, spec, command);

const serving = (text: string): readonly string[] =>
  lasting(`mkdir -p /tmp/www; echo ${text} > /tmp/www/index.html; httpd -p $PORT -h /tmp/www`);

async function freePort(): Promise<number> {
  const [port = 0] = await one.provider.allocatePorts(1, new Set());
  return port;
}

describe("the network", () => {
  it("is the host's where no other is named: what is told is where it listens", async () => {
    const port = await freePort();
    const spec = instanceSpec({ command: serving("hello") }, { http: port });
    const started = await one.provider.start(instanceIdentity(), spec, context);
    const text = await until(() =>
      fetch(`http://${started.host}:${port}/`).then(
        (answer) => answer.text(),
        () => undefined,
      ),
    );
    expect(text).toBe("hello\n");
  });

  it("is the engine's where one is declared, with names, and the same ports published here", async () => {
    const network = await daemon.docker.createNetwork({
      Name: networkName(HOME, { namespace: "default", name: "inside" }),
    });
    const further = await daemon.docker.createNetwork({
      Name: networkName(HOME, { namespace: "default", name: "further" }),
    });
    const port = await freePort();
    const networks = ["inside", "further"];
    const spec = instanceSpec({ command: serving("inside"), networks, aliases: ["backend"] }, { http: port });
    const identity = await start(spec);
    expect(
      await until(() =>
        fetch(`http://127.0.0.1:${port}/`).then(
          (answer) => answer.text(),
          () => undefined,
        ),
      ),
    ).toBe("inside\n");
    const neighbour = instanceIdentity("api-2");
    const other = { ...instanceSpec({ command: lasting("true"), networks: ["further"] }), service: "client" };
    await start(other, neighbour);
    for (const name of ["api", "api-1", "backend"])
      expect(await run(neighbour, other, `wget -q -O - http://${name}:${port}/`), name).toBe("inside");
    expect(await run(identity, spec, "hostname")).toBe("api-1");
    for (const instance of [identity, neighbour])
      await one.provider.purge(instance, spec, { keepLog: false });
    await network.remove();
    await further.remove();
  });

  it("is not the host's where one that is to keep it apart is missing", async () => {
    const other = openInstances(daemon, { home: HOME, networkClass: () => "docker" });
    const spec = instanceSpec({ command: lasting("true"), networks: ["gone"] });
    await expect(other.provider.start(instanceIdentity(), spec, context)).rejects.toThrow(
      "The network 'gone' is not on the engine yet.",
    );
    other.provider.close();
  });

  it("has a port that is taken named, with who has it, and leaves nothing", async () => {
    const network = await daemon.docker.createNetwork({
      Name: networkName(HOME, { namespace: "default", name: "inside" }),
    });
    const port = await freePort();
    const spec = instanceSpec({ command: serving("one"), networks: ["inside"] }, { http: port });
    const identity = await start(spec);
    await expect(one.provider.start(instanceIdentity("api-2"), spec, context)).rejects.toThrow(
      new RegExp(`It could not get its port: port ${port} is in use`),
    );
    expect(await leftovers(daemon)).toHaveLength(1);
    await one.provider.purge(identity, spec, { keepLog: false });
    await network.remove();
  });
});

describe("files", () => {
  const files = [
    { path: "/run/secrets/key", content: keyring.seal("tell-nobody"), mode: "0400" },
    { path: "/etc/app/settings.json", content: "{}", mode: "0444" },
  ];
  const memory = `/dev/shm/tutti-${digestOf(HOME)}`;

  it("are seen where they are declared, by the program's user only, and cannot be changed", async () => {
    const spec = instanceSpec({ command: lasting("true"), files, user: "web", readOnlyRoot: true });
    const identity = await start(spec);
    expect(await run(identity, spec, "id -un; cat /run/secrets/key /etc/app/settings.json")).toBe(
      "web\ntell-nobody{}",
    );
    expect(await run(identity, spec, "stat -c '%a %U' /run/secrets/key")).toBe("400 web");
    expect(await run(identity, spec, "(echo changed > /run/secrets/key) 2>&1 || echo refused")).toMatch(
      /refused$/,
    );
  });

  it("are in memory only, out of reach for others, not in what the engine tells, and gone with the instance", async () => {
    const spec = instanceSpec({ command: lasting("true"), files });
    const identity = instanceIdentity();
    const { identity: found } = await one.provider.start(identity, spec, context);
    const inspected = await daemon.docker.getContainer(String(found["container"])).inspect();
    expect(JSON.stringify(inspected)).not.toContain("tell-nobody");
    const written = readdirSync(memory, { recursive: true, encoding: "utf8" });
    expect(written.length).toBeGreaterThan(0);
    expect(inspected.Mounts.map(({ Source, RW }) => [Source.startsWith(`${memory}/`), RW])).toEqual([
      [true, false],
      [true, false],
    ]);
    await one.provider.stop(identity, spec, context);
    await one.provider.purge(identity, spec, { keepLog: false });
    await one.provider.purge(identity, spec, { keepLog: false });
    expect(readdirSync(memory)).toEqual([]);
    expect(await leftovers(daemon)).toEqual([]);
    await one.provider.forget({ namespace: "default", name: "api" });
    expect(existsSync(memory)).toBe(false);
  });

  it("have what they hold taken out of what is printed", async () => {
    const spec = instanceSpec({ command: lasting("cat /run/secrets/key; echo"), files });
    const identity = await start(spec);
    expect(await linesOf(one.provider.logs(identity, spec, { follow: true }), 1)).toEqual(["(secret)"]);
    await one.provider.purge(identity, spec, { keepLog: false });
  });

  it("are left nowhere when the instance cannot start", async () => {
    const spec = instanceSpec({ command: ["no-such-program"], files });
    await expect(start(spec)).rejects.toThrow("The command 'no-such-program' is not in the image.");
    expect(readdirSync(memory)).toEqual([]);
    expect(await leftovers(daemon)).toEqual([]);
  });
});

describe("volumes", () => {
  it("are the engine's own, and outlive the instances", async () => {
    await daemon.docker.createVolume({ Name: volumeName(HOME, { namespace: "default", name: "files" }) });
    const volumes = [{ volume: "files", path: "/data" }];
    const spec = instanceSpec({ command: lasting("true"), volumes });
    const first = await start(spec);
    expect(await run(first, spec, "echo kept > $VOLUME_FILES/note; echo $VOLUME_FILES")).toBe("/data");
    await one.provider.purge(first, spec, { keepLog: false });
    const second = await start(spec, instanceIdentity("api-2"));
    expect(await run(second, spec, "cat /data/note")).toBe("kept");
  });

  it("are folders of this machine where they are of another class", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-volume-"));
    const other = openInstances(daemon, { home: HOME, volumeFolder: () => folder });
    const spec = instanceSpec({ command: lasting("true"), volumes: [{ volume: "local", path: "/data" }] });
    const identity = instanceIdentity();
    await other.provider.start(identity, spec, context);
    await run(identity, spec, "echo here > /data/note");
    expect(readFileSync(join(folder, "note"), "utf8")).toBe("here\n");
    other.provider.close();
    rmSync(folder, { recursive: true });
  });

  it("are waited for, not made by the way", async () => {
    const spec = instanceSpec({ command: lasting("true"), volumes: [{ volume: "missing", path: "/data" }] });
    await expect(start(spec)).rejects.toThrow("The volume 'missing' is not on the engine yet.");
    const { Volumes } = await daemon.docker.listVolumes();
    expect(Volumes.map(({ Name }) => Name)).not.toContain(
      volumeName(HOME, { namespace: "default", name: "missing" }),
    );
  });
});

describe("init containers", () => {
  it("run to their end one after the other before the program starts, and are gone then", async () => {
    await daemon.docker.createVolume({ Name: volumeName(HOME, { namespace: "default", name: "order" }) });
    const step = (name: string): { name: string; command: string[]; env: Record<string, string> } => ({
      name,
      command: ["/bin/sh", "-c", "sleep 0.2; echo $STEP $TUTTI_SERVICE >> /data/order"],
      env: { STEP: name },
    });
    const spec = instanceSpec({
      command: lasting("cat /data/order; echo started"),
      volumes: [{ volume: "order", path: "/data" }],
      init: [step("first"), step("second")],
    });
    const identity = await start(spec);
    expect(await linesOf(one.provider.logs(identity, spec, { follow: true }), 3)).toEqual([
      "first api",
      "second api",
      "started",
    ]);
    await until(async () => (await leftovers(daemon)).length === 1);
    await start(spec, identity);
    expect(await run(identity, spec, "cat /data/order")).toBe("first api\nsecond api");
  });

  it("that fail are the reason why the instance does not start, and are tried again", async () => {
    await daemon.docker.createVolume({ Name: volumeName(HOME, { namespace: "default", name: "state" }) });
    const command = [
      "/bin/sh",
      "-c",
      "test -e /data/ready || { touch /data/ready; echo Error: database is away; exit 4; }",
    ];
    const spec = instanceSpec({
      command: lasting("true"),
      volumes: [{ volume: "state", path: "/data" }],
      init: [{ name: "migrate", command, env: {} }],
    });
    const identity = instanceIdentity();
    await expect(start(spec, identity)).rejects.toThrow(
      "Its init container 'migrate' exited with code 4: Error: database is away",
    );
    expect(await leftovers(daemon)).toEqual([]);
    await start(spec, identity);
    expect(await one.provider.find(identity)).toBeDefined();
  });

  it("are ended with who waits for them", async () => {
    const spec = instanceSpec({
      command: lasting("true"),
      init: [{ name: "endless", command: lasting("true"), env: {} }],
    });
    const control = new AbortController();
    const starting = one.provider.start(instanceIdentity(), spec, { ...context, signal: control.signal });
    await until(async () => (await leftovers(daemon)).length === 1);
    control.abort(new Error("the control plane ends"));
    await expect(starting).rejects.toThrow("the control plane ends");
    await until(async () => (await leftovers(daemon)).length === 0);
  });
});

describe("sidecars", () => {
  it("share the instance's network, and end after it", async () => {
    const network = await daemon.docker.createNetwork({
      Name: networkName(HOME, { namespace: "default", name: "inside" }),
    });
    const port = await freePort();
    const spec = instanceSpec(
      {
        command: serving("main"),
        networks: ["inside"],
        sidecars: [{ name: "proxy", command: lasting("true"), env: { ROLE: "proxy" } }],
      },
      { http: port },
    );
    const identity = await start(spec);
    const [sidecar] = await daemon.docker.listContainers({ filters: { label: ["tutti.dev/role=sidecar"] } });
    expect(
      await until(() =>
        fetch(`http://127.0.0.1:${port}/`).then(
          (answer) => answer.text(),
          () => undefined,
        ),
      ),
    ).toBe("main\n");
    const inside = await daemon.docker.getContainer(sidecar?.Id ?? "").exec({
      Cmd: ["wget", "-q", "-O", "-", `http://127.0.0.1:${port}/`],
      AttachStdout: true,
    });
    expect(await outputOf(await inside.start({}))).toContain("main");
    await one.provider.stop(identity, spec, context);
    const ended = async (role: string): Promise<number> => {
      const [found] = await daemon.docker.listContainers({
        all: true,
        filters: { label: [`tutti.dev/role=${role}`] },
      });
      const { State } = await daemon.docker.getContainer(found?.Id ?? "").inspect();
      expect(State.Running).toBe(false);
      return Date.parse(State.FinishedAt);
    };
    expect(await ended("sidecar")).toBeGreaterThanOrEqual(await ended("main"));
    await one.provider.purge(identity, spec, { keepLog: false });
    await network.remove();
  });

  it("are part of the instance: it ends when one of them does", async () => {
    const spec = instanceSpec({
      command: lasting("true"),
      sidecars: [
        {
          name: "proxy",
          command: ["/bin/sh", "-c", "while ! test -e /tmp/end; do sleep 0.1; done; exit 9"],
          env: {},
        },
      ],
    });
    const identity = await start(spec);
    const [sidecar] = await daemon.docker.listContainers({ filters: { label: ["tutti.dev/role=sidecar"] } });
    const exec = await daemon.docker.getContainer(sidecar?.Id ?? "").exec({ Cmd: ["touch", "/tmp/end"] });
    await exec.start({ Detach: true });
    expect(await until(() => exits[0])).toMatchObject({
      identity,
      code: 9,
      message: expect.stringMatching(/^its sidecar 'proxy' exited with code 9/) as string,
    });
    expect(await one.provider.find(identity)).toBeUndefined();
    await one.provider.stop(identity, spec, context);
    await one.provider.purge(identity, spec, { keepLog: false });
    expect(await leftovers(daemon)).toEqual([]);
  });
});
