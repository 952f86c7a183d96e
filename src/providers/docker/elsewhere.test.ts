/** An engine that is reached over the network: it sees none of this machine's files, and its ports are another host's. */
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../provider/ports.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import {
  type Opened,
  context,
  instanceIdentity,
  instanceSpec,
  keyring,
  lasting,
  leftovers,
  openInstances,
  runIn,
} from "./fixtures/provider.ts";
import { Containers } from "./containers.ts";
import { Engine } from "./engine.ts";
import { digestOf } from "./identity.ts";
import { runToCompletion } from "./run-to-completion.ts";

let daemon: Daemon;
let endpoint: string;
let remote: Opened;
const HOME = `elsewhere-${process.pid}`;
const memory = `/dev/shm/tutti-${digestOf(HOME)}`;

beforeAll(async () => {
  const port = await freePort({ seed: HOME });
  endpoint = `tcp://127.0.0.1:${port}`;
  daemon = await startDaemon({ args: ["-H", endpoint, "--tls=false"] });
  remote = openInstances(daemon, { endpoint, home: HOME });
});
afterAll(async () => {
  remote.provider.close();
  await daemon.close();
  rmSync(memory, { recursive: true, force: true });
});

describe("instances on an engine elsewhere", () => {
  it("run, are found, and are reached under the engine's address", async () => {
    const identity = instanceIdentity();
    const spec = instanceSpec({ command: lasting("true") });
    const started = await remote.provider.start(identity, spec, context);
    expect(started.host).toBe("127.0.0.1");
    expect(await remote.provider.find(identity)).toMatchObject({ identity: started.identity });
    expect(await runIn(remote.provider, identity, spec, "echo hello")).toBe("hello");
    await remote.provider.stop(identity, spec, context);
    await remote.provider.purge(identity, spec, { keepLog: false });
    expect(await leftovers(daemon)).toEqual([]);
  });

  it("are given files through the engine; of what was in them nothing stays", async () => {
    const identity = instanceIdentity();
    const content = keyring.seal("tell-nobody");
    const spec = instanceSpec({
      command: lasting("true"),
      user: "web",
      files: [{ path: "/run/secrets/key", content, mode: "0400" }],
    });
    await remote.provider.start(identity, spec, context);
    expect(await runIn(remote.provider, identity, spec, "cat /run/secrets/key")).toBe("tell-nobody");
    await remote.provider.purge(identity, spec, { keepLog: false });
    expect(await leftovers(daemon)).toEqual([]);
    // The engine can take files away only by putting another in their place.
    const left = readdirSync(memory).map((name) => join(memory, name));
    expect(left.map((path) => [statSync(path).isFile(), readFileSync(path, "utf8")])).toEqual([[true, ""]]);
  });

  it("cannot run programs of this machine", async () => {
    const { image: _, ...run } = instanceSpec({ command: ["node", "server.js"] }).run;
    await expect(
      remote.provider.start(instanceIdentity(), { ...instanceSpec({}), run }, context),
    ).rejects.toThrow(/does not see this machine's files/);
    expect(await leftovers(daemon)).toEqual([]);
  });

  it("get ports that are theirs alone, whoever listens here", async () => {
    const [first = 0] = await remote.provider.allocatePorts(1, new Set());
    const more = await remote.provider.allocatePorts(20, new Set([first]));
    expect(new Set([first, ...more]).size).toBe(21);
  });
});

describe("the engine's work", () => {
  it("is two calls for an instance of an image, however many there are", async () => {
    const engine = new Engine({ endpoint: daemon.endpoint, env: {} });
    const calls: string[] = [];
    const modem = engine.docker.modem as {
      dial: (request: { path: string; method: string }, ...rest: unknown[]) => void;
    };
    const dial = modem.dial.bind(modem);
    modem.dial = (request, ...rest) => {
      calls.push(request.method);
      dial(request, ...rest);
    };
    const containers = new Containers(engine);
    const { provider } = openInstances(daemon, { containers, home: HOME });
    const spec = instanceSpec({ command: lasting("true") });
    await provider.start(instanceIdentity(), spec, context);
    calls.length = 0;
    await Promise.all([1, 2, 3, 4].map(() => provider.start(instanceIdentity(), spec, context)));
    expect(calls.filter((method) => method === "POST")).toHaveLength(8);
    provider.close();
    engine.close();
    await remote.provider.forget({ namespace: "default", name: "api" });
  });
});

describe("a container that runs to its end", () => {
  const signal = new AbortController().signal;
  const step = (script: string): Parameters<typeof runToCompletion>[1] => ({
    name: "tutti-step",
    body: { Image: IMAGE, Entrypoint: ["/bin/sh", "-c", script], HostConfig: { NetworkMode: "host" } },
    secrets: ["tell-nobody"],
  });

  it("gives its code and what it printed, without secrets, and is not run twice", async () => {
    const { containers } = remote;
    const what = step("cat /proc/uptime; echo tell-nobody; exit 5");
    const first = await runToCompletion(containers, what, signal);
    expect(first).toMatchObject({ code: 5, isOutOfMemory: false });
    expect(first.output).toMatch(/^[\d. ]+\n\(secret\)\n$/);
    expect(await runToCompletion(containers, what, signal)).toEqual(first);
    await containers.remove(what.name);
  });

  it("is ended and removed with who waits for it", async () => {
    const control = new AbortController();
    const running = runToCompletion(remote.containers, step("sleep 1000000"), control.signal);
    setImmediate(() => control.abort(new Error("cancelled")));
    await expect(running).rejects.toThrow("cancelled");
    expect(await leftovers(daemon)).toEqual([]);
    expect(existsSync(memory)).toBe(true);
  });
});
