/** How instances end, and how they are ended. */
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { EngineHealth, Exit, Identity, InstanceSpec } from "../../provider/provider.ts";
import { CHECKED_IMAGE, type Daemon, startDaemon } from "./fixtures/daemon.ts";
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
  until,
} from "./fixtures/provider.ts";

let daemon: Daemon;
let one: Opened;
let exits: Exit[];
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.close());

afterEach(async () => {
  await one.provider.forget({ namespace: "default", name: "api" });
  one.provider.close();
});

async function start(spec: InstanceSpec, identity: Identity = instanceIdentity()): Promise<Identity> {
  one = openInstances(daemon);
  exits = [];
  one.provider.onExit((exit) => exits.push(exit));
  await one.provider.start(identity, spec, context);
  return identity;
}

async function end(spec: InstanceSpec): Promise<Exit> {
  await start(spec);
  return until(() => exits[0]);
}

describe("an end by itself", () => {
  it("is told with its code and the program's last words", async () => {
    const command = ["/bin/sh", "-c", "echo Error: no such table >&2; exit 1"];
    expect(await end(instanceSpec({ command }))).toMatchObject({
      code: 1,
      signal: null,
      message: expect.stringMatching(/^exited with code 1 after \d+\w+: Error: no such table$/),
    });
  });

  it("is told without the values of secrets, also by a control plane that did not start it", async () => {
    const spec = instanceSpec({
      command: [
        "/bin/sh",
        "-c",
        "while ! test -e /tmp/go; do sleep 0.1; done; echo Error: password $PASSWORD is wrong; exit 1",
      ],
      env: { PASSWORD: keyring.seal("tell-nobody") },
    });
    const identity = await start(spec);
    one.provider.close();
    const other = openInstances(daemon);
    const told: Exit[] = [];
    other.provider.onExit((exit) => told.push(exit));
    await other.provider.find(identity);
    const session = await other.provider.exec(
      identity,
      spec,
      ["touch", "/tmp/go"],
      { tty: false, stdin: false },
      context,
    );
    await session.exitCode;
    const { message } = await until(() => told[0]);
    expect(message).toMatch(/: Error: password \(secret\) is wrong$/);
    other.provider.close();
  });

  it("says what used too much memory, and how much that was", async () => {
    const command = ["/bin/sh", "-c", 'text=$(yes | head -c 200000000); echo "${#text}"'];
    const exit = await end(instanceSpec({ command, resources: { memory: "64Mi" } }));
    expect(exit).toMatchObject({
      code: 137,
      message: expect.stringMatching(/^was killed because it used more than its 64Mi of memory after .+\.$/),
    });
  });

  it("names the signal", async () => {
    const command = ["/bin/sh", "-c", "sh -c 'kill -SEGV $$'; exit $?"];
    expect(await end(instanceSpec({ command }))).toMatchObject({ code: 139, signal: "SIGSEGV" });
  });
});

describe("limits", () => {
  it("are in force, and said to be", async () => {
    const identity = instanceIdentity();
    const spec = instanceSpec({ command: lasting("true"), resources: { memory: "64Mi", cpu: "250m" } });
    one = openInstances(daemon);
    const { limits, identity: found } = await one.provider.start(identity, spec, context);
    expect(limits).toEqual(["memory enforced", "cpu enforced"]);
    const { HostConfig } = await daemon.docker.getContainer(String(found["container"])).inspect();
    expect(HostConfig).toMatchObject({
      Memory: 64 * 2 ** 20,
      MemorySwap: 64 * 2 ** 20,
      CpuPeriod: 100_000,
      CpuQuota: 25_000,
      RestartPolicy: { Name: "no" },
      Privileged: false,
    });
    expect(HostConfig.PidsLimit).toBeGreaterThan(0);
  });

  it("that no host could have more of are the engine's to bound, not an error", async () => {
    const identity = await start(instanceSpec({ command: lasting("true"), resources: { cpu: "500" } }));
    expect(await one.provider.find(identity)).toBeDefined();
  });
});

describe("an end that is asked for", () => {
  it("is by the signal that the declaration names, in silence", async () => {
    const spec = instanceSpec({
      command: ["/bin/sh", "-c", "trap 'echo asked; exit 0' INT; echo ready; while :; do sleep 0.1; done"],
      stop: { signal: "SIGINT", grace: "30s", drain: "0s" },
    });
    const identity = await start(spec);
    await linesOf(one.provider.logs(identity, spec, { follow: true }), 1);
    await one.provider.stop(identity, spec, context);
    expect(await linesOf(one.provider.logs(identity, spec, {}))).toEqual(["ready", "asked"]);
    expect(await one.provider.find(identity)).toBeUndefined();
    expect(exits).toEqual([]);
  });

  it("is a kill for who ignores the signal, after its grace", async () => {
    const spec = instanceSpec({
      command: ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
      stop: { signal: "SIGTERM", grace: "100ms", drain: "0s" },
    });
    const identity = await start(spec);
    await linesOf(one.provider.logs(identity, spec, { follow: true }), 1);
    await one.provider.stop(identity, spec, context);
    expect(await one.provider.find(identity)).toBeUndefined();
    expect(exits).toEqual([]);
  });

  it("waits no longer than who asks for it", async () => {
    const spec = instanceSpec({
      command: ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"],
      stop: { signal: "SIGTERM", grace: "10m", drain: "0s" },
    });
    const identity = await start(spec);
    const control = new AbortController();
    const stopping = one.provider.stop(identity, spec, { ...context, signal: control.signal });
    control.abort(new Error("the control plane ends"));
    await expect(stopping).rejects.toThrow("the control plane ends");
  });

  it("leaves nothing on the engine once it is purged, and the log of who ended by itself until the service is gone", async () => {
    const spec = instanceSpec({
      command: ["/bin/sh", "-c", "echo using $TOKEN; exit 1"],
      env: { TOKEN: keyring.seal("tell-nobody") },
    });
    const identity = await start(spec);
    await until(() => exits[0]);
    await one.provider.purge(identity, spec, { keepLog: true });
    expect(await leftovers(daemon)).toEqual([]);
    const next = instanceIdentity("api-2");
    const previous = (): Promise<string[]> => linesOf(one.provider.logs(next, spec, { previous: true }));
    expect(await previous()).toEqual(["using (secret)"]);
    await one.provider.forget({ namespace: "default", name: "api" });
    expect(await previous()).toEqual([]);
    expect(existsSync(`${daemon.folder}/logs/default/api.previous`)).toBe(false);
  });
});

describe("what runs", () => {
  it("is measured", async () => {
    const identity = await start(instanceSpec({ command: lasting("true") }));
    const stats = (await one.provider.stats([identity])).get(identity.uid);
    expect(stats?.memoryBytes).toBeGreaterThan(0);
    expect(stats?.cpuSeconds).toBeGreaterThan(0);
    expect((await one.provider.stats([instanceIdentity("nobody")])).size).toBe(0);
  });

  it("shows its log from a line, from a time, and as it grows", async () => {
    const spec = instanceSpec({
      command: lasting("for n in 1 2 3 4 5; do echo line $n; done; echo problem >&2"),
    });
    const identity = await start(spec);
    const all: { time: number; text: string }[] = [];
    for await (const line of one.provider.logs(identity, spec, { follow: true }))
      if (all.push(line) === 6) break;
    expect(await linesOf(one.provider.logs(identity, spec, { tail: 2 }))).toHaveLength(2);
    const since = all[3]?.time ?? 0;
    const later = await linesOf(one.provider.logs(identity, spec, { since }));
    expect(later).toEqual(all.filter(({ time }) => time >= since).map(({ text }) => text));
    const control = new AbortController();
    const followed = linesOf(one.provider.logs(identity, spec, { follow: true, signal: control.signal }));
    control.abort();
    expect((await followed).length).toBeLessThanOrEqual(6);
  });

  it("gives long lines whole", async () => {
    const spec = instanceSpec({ command: lasting("head -c 100000 /dev/zero | tr '\\000' x; echo") });
    const identity = await start(spec);
    const [line] = await linesOf(one.provider.logs(identity, spec, { follow: true }), 1);
    expect(line).toBe("x".repeat(100_000));
  });

  it("has commands run beside it, with input and with a terminal of its size", async () => {
    const spec = instanceSpec({ command: lasting("true") });
    const identity = await start(spec);
    const cat = await one.provider.exec(
      identity,
      spec,
      ["/bin/sh", "-c", "cat; echo done >&2"],
      { tty: false, stdin: true },
      context,
    );
    cat.write(Buffer.from("hello\n"));
    cat.endInput();
    expect(await Promise.all([outputOf(cat.stdout), outputOf(cat.stderr), cat.exitCode])).toEqual([
      "hello\n",
      "done\n",
      0,
    ]);
    const shell = await one.provider.exec(identity, spec, ["/bin/sh"], { tty: true, stdin: true }, context);
    const output = outputOf(shell.stdout);
    shell.resize(123, 45);
    shell.write(Buffer.from("until stty size | grep '45 123'; do :; done; exit 6\n"));
    expect(await shell.exitCode).toBe(6);
    expect(await output).toMatch(/^45 123\r$/m);
  });

  it("has commands ended, and missing ones named", async () => {
    const spec = instanceSpec({ command: lasting("true") });
    const identity = await start(spec);
    const options = { tty: false, stdin: false };
    const sleeper = await one.provider.exec(identity, spec, ["sleep", "4321"], options, context);
    const [container] = await daemon.docker.listContainers();
    const isRunning = async (): Promise<boolean> => {
      const { Processes } = (await daemon.docker.getContainer(container?.Id ?? "").top()) as {
        Processes: string[][];
      };
      return Processes.flat().includes("sleep 4321");
    };
    await until(isRunning);
    sleeper.kill();
    expect(await sleeper.exitCode).toBe(137);
    await until(async () => !(await isRunning()));
    const missing = await one.provider.exec(identity, spec, ["no-such-program"], options, context).then(
      async (session) => `${await outputOf(session.stdout)} ${await session.exitCode}`,
      (error: Error) => error.message,
    );
    expect(missing).toMatch(/no-such-program/);
  });
});

describe("the image's own check", () => {
  it("is told when it changes its mind, and to who finds the instance", async () => {
    const spec = instanceSpec({ image: CHECKED_IMAGE, command: lasting("true") });
    const identity = instanceIdentity();
    one = openInstances(daemon);
    const healths: EngineHealth[] = [];
    one.provider.onHealth((health) => healths.push(health));
    expect(await one.provider.start(identity, spec, context)).toMatchObject({ reportsHealth: true });
    expect(await until(() => healths[0])).toMatchObject({ identity, healthy: true });
    const session = await one.provider.exec(
      identity,
      spec,
      ["/bin/sh", "-c", "echo database is away > /tmp/unwell"],
      { tty: false, stdin: false },
      context,
    );
    await session.exitCode;
    expect(await until(() => healths[1])).toMatchObject({
      healthy: false,
      message: expect.stringMatching(/^The image's own check failed.*: database is away$/),
    });
    const other = openInstances(daemon);
    const found: EngineHealth[] = [];
    other.provider.onHealth((health) => found.push(health));
    expect(await other.provider.find(identity)).toMatchObject({ reportsHealth: true });
    expect(await until(() => found[0])).toMatchObject({ healthy: false });
    other.provider.close();
  });

  it("is not there where the image has none", async () => {
    one = openInstances(daemon);
    const started = await one.provider.start(
      instanceIdentity(),
      instanceSpec({ command: lasting("true") }),
      context,
    );
    expect(started.reportsHealth).toBeUndefined();
  });
});
