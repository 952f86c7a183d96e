/** What takes a reload, what takes none, and that nobody notices either. */
import { once } from "node:events";
import { Agent } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Front,
  HOST,
  Load,
  Traffic,
  ask,
  certificateFor,
  until,
} from "../../provider/traffic-conformance-kit.ts";
import { type OpenedHaproxy, haproxySubject, openHaproxy } from "./fixtures/subject.ts";
import { Runtime, type Workers } from "./runtime.ts";

describe("a reload", () => {
  let opened: OpenedHaproxy;
  const traffic = new Traffic({
    ...haproxySubject,
    open: async () => (opened = await openHaproxy()),
  });
  beforeAll(() => traffic.open());
  afterEach(() => traffic.clear());
  afterAll(() => traffic.close());

  const workers = (front: Front): Promise<Workers> =>
    new Runtime(opened.host().socket(front.identity, "master")).workers();

  it("is not made for members, certificates and challenges", async () => {
    traffic.secrets.set("own", await certificateFor(["old.test"]));
    const front = await traffic.front({
      listeners: [{ name: "http" }, { name: "https", protocol: "https", tls: { secret: "own" } }],
      routes: [{ service: "web", sticky: { by: "cookie" } }],
    });
    const before = await workers(front);
    const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
    await front.members([a, b]);
    await front.members([a.draining, b]);
    await front.members([b]);
    traffic.secrets.set("own", await certificateFor(["new.test"]));
    await front.ensure();
    await front.provider.setChallenges(front.identity, { token: "value" });
    expect(await workers(front)).toEqual(before);
  });

  it("is made for routes and listeners, of the worker and not of the process, and fails no request", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
    await front.members([a, b]);
    const pid = opened.host().find(front.identity);
    const before = await workers(front);
    const kept = new Load(front.port(), 8);
    await kept.more(100);
    let over = false;
    const failures: unknown[] = [];
    const fresh = (async () => {
      while (!over) await ask(front.port()).catch((error: unknown) => failures.push(error));
    })();
    for (const path of ["/one", "/two", "/three"]) {
      await front.ensure({ routes: [{ service: "web" }, { path, service: "other" }] });
      await kept.more(100);
    }
    over = true;
    await fresh;
    expect([await kept.stop(), failures]).toEqual([[], []]);
    expect(opened.host().find(front.identity)).toBe(pid);
    const after = await workers(front);
    expect(after.reloads).toBe(before.reloads + 3);
    expect(after.current).not.toBe(before.current);
  });

  it("leaves a worker with old connections, which is told of members too", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
    await front.members([a]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    traffic.later(() => agent.destroy());
    expect((await front.ask("/", { agent })).text).toBe("a");
    const held = front.ask("/held");
    await a.holding(1);
    await front.ensure({ routes: [{ service: "web" }, { path: "/x", service: "x" }] });
    await front.members([a.draining, b]);
    // The connection that was open before the reload is the old worker's.
    expect((await front.ask("/", { agent })).text).toBe("b");
    let drained = false;
    const draining = front.provider.drain(front.identity, "web", "a", 25_000).then(() => (drained = true));
    expect((await front.ask()).text).toBe("b");
    expect(drained).toBe(false);
    a.release();
    expect((await held).text).toBe("a");
    await draining;
  });

  it("goes on with tcp connections", async () => {
    const raw = { name: "raw", protocol: "tcp", service: "echo" };
    const front = await traffic.front({ listeners: [raw] });
    const echo = await traffic.backend("echo");
    echo.server.removeAllListeners("connection").on("connection", (socket) => socket.pipe(socket));
    await front.members([echo], "echo");
    const socket = connect(front.port("raw"), HOST);
    traffic.later(() => socket.destroy());
    const say = async (text: string): Promise<string> => {
      socket.write(text);
      const [chunk] = (await once(socket, "data")) as [Buffer];
      return chunk.toString();
    };
    expect(await say("one")).toBe("one");
    await front.ensure({ listeners: [raw, { name: "http" }], routes: [{ service: "web" }] });
    expect(await say("two")).toBe("two");
  });

  it("takes along which members fail their check", async () => {
    const check = { path: "/healthz", period: "50ms", failureThreshold: 1, successThreshold: 1 };
    const front = await traffic.front({ routes: [{ service: "web", check }] });
    const [sick, well] = [await traffic.backend("sick"), await traffic.backend("well")];
    sick.healthy = false;
    await front.members([sick, well]);
    await until(async () => !(await front.texts(12)).includes("sick"));
    await front.ensure({
      routes: [
        { service: "web", check },
        { path: "/x", service: "x" },
      ],
    });
    expect(await front.texts(30)).not.toContain("sick");
  });

  it("takes along which member a client stays with", async () => {
    const route = { service: "web", sticky: { by: "address" } };
    const front = await traffic.front({ routes: [route] });
    await front.members(await Promise.all(["a", "b", "c"].map((id) => traffic.backend(id))));
    const clients = Array.from({ length: 12 }, (_, index) => `127.0.0.${index + 2}`);
    const seats = (): Promise<readonly string[]> =>
      Promise.all(clients.map(async (from) => (await front.ask("/", { from })).text));
    const before = await seats();
    await front.ensure({ routes: [route, { path: "/x", service: "x" }] });
    expect(await seats()).toEqual(before);
  });

  it("takes along what a client has used of its limit", async () => {
    const route = { service: "web", rateLimit: { requests: 3, period: "60s" } };
    const front = await traffic.front({ routes: [route] });
    await front.members([await traffic.backend("web")]);
    for (let index = 0; index < 3; index += 1) expect((await front.ask()).status).toBe(200);
    await front.ensure({ routes: [route, { path: "/x", service: "x" }] });
    expect((await front.ask()).status).toBe(429);
    expect((await front.ask("/", { from: "127.0.0.9" })).status).toBe(200);
  });
});
