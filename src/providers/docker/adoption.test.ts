/** What runs is found again, whatever happened to the control plane, the daemon or the connection between them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Exit } from "../../provider/provider.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import {
  AwaitedClock,
  type Opened,
  context,
  instanceIdentity,
  instanceSpec,
  lasting,
  leftovers,
  openInstances,
  until,
} from "./fixtures/provider.ts";
import { containerName, labelsOf } from "./identity.ts";
import { deafProxy } from "./fixtures/proxy.ts";

let daemon: Daemon;
let opened: Opened[] = [];

function open(options?: Parameters<typeof openInstances>[1]): Opened {
  const one = openInstances(daemon, options);
  opened.push(one);
  return one;
}

afterEach(() => {
  for (const { provider } of opened) provider.close();
  opened = [];
});

function exitsOf({ provider }: Opened): Exit[] {
  const exits: Exit[] = [];
  provider.onExit((exit) => exits.push(exit));
  return exits;
}

const spec = instanceSpec({ command: lasting("echo started") });

describe("with a daemon that keeps containers while it is away", () => {
  beforeAll(async () => {
    daemon = await startDaemon({ liveRestore: true });
  });
  afterAll(() => daemon.close());

  it("starts what was made just before a crash, instead of making it again", async () => {
    const identity = instanceIdentity();
    const name = containerName("home-1", identity);
    const { containers, provider } = open();
    const Labels = labelsOf("home-1", identity, { service: "api", template: "t", role: "main" });
    const id = await containers.create(name, { Image: IMAGE, Entrypoint: ["sleep", "1000"], Labels });
    const started = await provider.start(identity, spec, context);
    expect(started.identity).toEqual({ container: id });
    expect(await provider.find(identity)).toBeDefined();
    await provider.purge(identity, spec, { keepLog: false });
  });

  it("tells the end of what it adopted", async () => {
    const identity = instanceIdentity();
    const before = open();
    const { identity: container } = await before.provider.start(identity, spec, context);
    before.provider.close();
    const after = open();
    const exits = exitsOf(after);
    expect((await after.provider.find(identity))?.identity).toEqual(container);
    await daemon.docker.getContainer(String(container["container"])).kill();
    await until(() => exits.length > 0);
    expect(exits).toMatchObject([{ identity, code: 137, signal: "SIGKILL" }]);
    await after.provider.purge(identity, spec, { keepLog: false });
  });

  it("tells an end that came before the start was recorded, when the start is asked for again", async () => {
    const identity = instanceIdentity();
    const ending = instanceSpec({ command: ["/bin/sh", "-c", "echo no such table; exit 7"] });
    const before = open();
    const first = exitsOf(before);
    await before.provider.start(identity, ending, context);
    await until(() => first.length > 0);
    const after = open();
    const exits = exitsOf(after);
    await after.provider.start(identity, ending, context);
    await until(() => exits.length > 0);
    expect(exits).toMatchObject([
      { code: 7, message: expect.stringMatching(/^exited with code 7.*: no such table$/) },
    ]);
    await after.provider.purge(identity, ending, { keepLog: false });
  });

  it("leaves what belongs to another control plane on the same engine alone", async () => {
    const identity = instanceIdentity();
    const ours = open();
    const theirs = open({ home: "home-2" });
    const [one, other] = await Promise.all([
      ours.provider.start(identity, spec, context),
      theirs.provider.start(identity, spec, context),
    ]);
    expect(one.identity).not.toEqual(other.identity);
    await ours.provider.forget({ namespace: "default", name: "api" });
    expect(await ours.provider.find(identity)).toBeUndefined();
    expect((await theirs.provider.find(identity))?.identity).toEqual(other.identity);
    await theirs.provider.forget({ namespace: "default", name: "api" });
    expect(await leftovers(daemon)).toEqual([]);
  });

  it("keeps instances through a daemon that is killed, and tells who ended meanwhile", async () => {
    const one = open();
    const exits = exitsOf(one);
    const stays = instanceIdentity("api-1");
    const ends = instanceIdentity("api-2");
    await one.provider.start(stays, spec, context);
    const { identity } = await one.provider.start(ends, spec, context);
    const { State } = await daemon.docker.getContainer(String(identity["container"])).inspect();
    await daemon.kill();
    await expect(one.provider.find(stays)).rejects.toThrow(/does not answer/);
    await expect(one.provider.start(instanceIdentity(), spec, context)).rejects.toThrow(/does not answer/);
    process.kill(State.Pid, "SIGKILL");
    await daemon.start();
    await until(() => exits.length > 0);
    expect(exits.map((exit) => exit.identity)).toEqual([ends]);
    expect(await one.provider.find(stays)).toBeDefined();
    await one.provider.purge(stays, spec, { keepLog: false });
    await one.provider.purge(ends, spec, { keepLog: false });
  });

  it("finds an end that no event told of, at the next comparison", async () => {
    const proxy = await deafProxy(daemon.socket);
    const clock = new AwaitedClock();
    const one = open({ endpoint: proxy.endpoint, clock });
    const exits = exitsOf(one);
    const identity = instanceIdentity();
    const { identity: found } = await one.provider.start(identity, spec, context);
    await proxy.swallowed;
    // The comparison after the connection, then the pause before the next.
    await until(() => clock.timers > 0);
    await daemon.docker.getContainer(String(found["container"])).kill();
    await daemon.docker.getContainer(String(found["container"])).wait();
    expect(exits).toEqual([]);
    await clock.advance(30_000);
    await until(() => exits.length > 0);
    expect(exits).toMatchObject([{ identity, signal: "SIGKILL" }]);
    await one.provider.purge(identity, spec, { keepLog: false });
    one.provider.close();
    await proxy.close();
  });

  it("says so when somebody removed an instance's container", async () => {
    const clock = new AwaitedClock();
    const one = open({ clock });
    const exits = exitsOf(one);
    const identity = instanceIdentity();
    const { identity: found } = await one.provider.start(identity, spec, context);
    await until(() => clock.timers > 0);
    // Renamed, it is not what it was: its events tell of somebody else.
    await daemon.docker.getContainer(String(found["container"])).rename({ name: "stolen" });
    await daemon.docker.getContainer("stolen").remove({ force: true });
    await clock.advance(30_000);
    await until(() => exits.length > 0);
    expect(exits).toMatchObject([{ code: null, message: "is gone: somebody removed its container." }]);
  });

  it("has nothing left in the end", async () => {
    expect(await leftovers(daemon)).toEqual([]);
  });
});

describe("with a daemon that stops containers when it is stopped", () => {
  beforeAll(async () => {
    daemon = await startDaemon();
  });
  afterAll(() => daemon.close());

  it("tells of every end when the daemon is back, and starts anew", async () => {
    const one = open();
    const exits = exitsOf(one);
    const identities = [instanceIdentity("api-1"), instanceIdentity("api-2")];
    for (const identity of identities) await one.provider.start(identity, spec, context);
    await daemon.stop();
    await daemon.start();
    await until(() => exits.length === 2);
    expect(new Set(exits.map(({ identity }) => identity.name))).toEqual(new Set(["api-1", "api-2"]));
    const next = instanceIdentity();
    await one.provider.start(next, spec, context);
    expect(await one.provider.find(next)).toBeDefined();
  });
});
