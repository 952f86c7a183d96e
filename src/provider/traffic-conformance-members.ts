/** Who gets what: members that come and go, fail, are checked and are chosen. Part of traffic-conformance.ts. */
import { connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { HOST, Load, type Traffic, ask, until } from "./traffic-conformance-kit.ts";

const tcp = { listeners: [{ name: "raw", protocol: "tcp", service: "web" }] };

export function membership(traffic: Traffic): void {
  describe("members", () => {
    it("share the requests", async () => {
      for (const algorithm of ["least-connections", "round-robin"]) {
        const front = await traffic.front({ algorithm, routes: [{ service: "web" }] });
        const all = await Promise.all(["a", "b", "c"].map((id) => traffic.backend(id)));
        await front.members(all);
        expect(new Set(await front.texts(30))).toEqual(new Set(["a", "b", "c"]));
      }
    });

    it("that drain or are missing get nothing new once that is acknowledged, and finish what they have", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b, c] = [await traffic.backend("a"), await traffic.backend("b"), await traffic.backend("c")];
      await front.members([a]);
      const held = [front.ask("/held")];
      await a.holding(1);
      await front.members([b]);
      held.push(front.ask("/held"));
      await b.holding(1);
      await front.members([a.draining, c]);
      expect(new Set(await front.texts(30))).toEqual(new Set(["c"]));
      a.release();
      b.release();
      expect((await Promise.all(held)).map(({ text }) => text)).toEqual(["a", "b"]);
      await front.members([a, c]);
      expect(new Set(await front.texts(30))).toEqual(new Set(["a", "c"]));
    });

    it("get nothing new over connections that clients keep open either", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
      await front.members([a, b]);
      const load = new Load(front.port(), 8);
      await load.more(200);
      await front.members([a.draining, b]);
      await front.provider.drain(front.identity, "web", "a", 20_000);
      const before = a.seen.length;
      await load.more(200);
      expect(await load.stop()).toEqual([]);
      expect(a.seen.length).toBe(before);
    });

    it("are drained when nothing is in flight to them, and not before", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
      await front.members([a]);
      const held = front.ask("/held");
      await a.holding(1);
      await front.members([a.draining, b]);
      await front.provider.drain(front.identity, "web", "a", 50);
      let drained = false;
      const draining = front.provider.drain(front.identity, "web", "a", 25_000).then(() => (drained = true));
      await front.texts(20);
      expect(drained).toBe(false);
      a.release();
      expect((await held).text).toBe("a");
      await draining;
    });

    it("are drained of tcp connections as well", async () => {
      const front = await traffic.front(tcp);
      const echo = createServer((socket) => void socket.pipe(socket));
      const member = { id: "echo", host: HOST, port: await traffic.listen(echo), state: "ready" } as const;
      await front.members([member]);
      const socket = connect(front.port("raw"), HOST);
      const echoed = new Promise((resolve) => socket.once("data", resolve));
      socket.write("x");
      await echoed;
      await front.members([{ ...member, state: "draining" }]);
      let drained = false;
      const draining = front.provider
        .drain(front.identity, "web", "echo", 25_000)
        .then(() => (drained = true));
      await front.provider.stats(front.identity);
      expect(drained).toBe(false);
      socket.destroy();
      await draining;
    });

    it("may be told twice, or to a pool that is empty again", async () => {
      const front = await traffic.front({ queue: "100ms", routes: [{ service: "web" }] });
      const a = await traffic.backend("a");
      await front.members([a]);
      await front.members([a]);
      expect((await front.ask()).text).toBe("a");
      await front.members([]);
      expect((await front.ask()).status).toBe(503);
      await front.members([a]);
      expect((await front.ask()).text).toBe("a");
    });

    it("may be another program under the same name", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
      await front.members([a]);
      expect((await front.ask()).text).toBe("a");
      await front.members([{ ...b.member, id: "a" }]);
      expect(new Set(await front.texts(10))).toEqual(new Set(["b"]));
    });

    it("are added and removed by the hundred under load without one failed request", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const stay = await traffic.backend("stay");
      const hundred = await Promise.all(
        Array.from({ length: 100 }, (_, index) => traffic.backend(`m${index}`)),
      );
      await front.members([stay]);
      const load = new Load(front.port(), 8);
      await load.more(50);
      await front.members([stay, ...hundred]);
      await load.more(300);
      for (const one of hundred.slice(0, 10)) {
        await front.members([stay, ...hundred.map((each) => (each === one ? each.draining : each))]);
        await front.provider.drain(front.identity, "web", one.id, 20_000);
      }
      await front.members([stay, ...hundred.map((one) => one.draining)]);
      await Promise.all(hundred.map((one) => front.provider.drain(front.identity, "web", one.id, 20_000)));
      await front.members([stay]);
      for (const one of hundred) one.close();
      await load.more(100);
      expect(await load.stop()).toEqual([]);
      expect(hundred.some(({ seen }) => seen.length > 0)).toBe(true);
    });
  });

  describe("while no member is ready", () => {
    it("requests wait, and are served by the first that comes", async () => {
      const front = await traffic.front({ routes: [{ path: "/w", service: "web" }] });
      const a = await traffic.backend("a");
      const waiting = [front.ask("/w/1"), front.ask("/w/2", { method: "POST", body: "b" })];
      // A request that came later has been answered, so that the others are there.
      expect((await front.ask("/none")).status).toBe(404);
      await front.members([a]);
      expect((await Promise.all(waiting)).map(({ text }) => text)).toEqual(["a", "a"]);
    });

    it("it is told for which pools somebody waits, by HTTP and by TCP", async () => {
      const front = await traffic.front({
        listeners: [{ name: "http" }, { name: "raw", protocol: "tcp", service: "echo" }],
        routes: [
          { path: "/w", service: "web" },
          { path: "/v", service: "other" },
        ],
      });
      const held = async (): Promise<readonly string[]> =>
        (await front.provider.waiting(front.identity)).toSorted();
      const waiting = front.ask("/w/1");
      await expect.poll(held, { timeout: 10_000, interval: 20 }).toEqual(["web"]);
      const socket = connect(front.port("raw"), HOST);
      socket.on("error", () => undefined);
      await expect.poll(held, { timeout: 10_000, interval: 20 }).toEqual(["echo", "web"]);
      socket.destroy();
      await front.members([await traffic.backend("a")]);
      await waiting;
      await expect.poll(held, { timeout: 10_000, interval: 20 }).not.toContain("web");
    });

    it("requests that have waited for the queue's time are answered with 503", async () => {
      const front = await traffic.front({ queue: "100ms", routes: [{ service: "web" }] });
      expect((await front.ask()).status).toBe(503);
      const a = await traffic.backend("a");
      await front.members([a.draining]);
      expect((await front.ask()).status).toBe(503);
    });
  });

  describe("a request that failed without an answer", () => {
    it("is tried on another member when repeating it does no harm", async () => {
      const front = await traffic.front({ algorithm: "round-robin", routes: [{ service: "web" }] });
      const bad = await traffic.backend("bad", (request) => void request.socket.destroy());
      const good = await traffic.backend("good");
      await front.members([bad, good]);
      const answers = [
        ...(await Promise.all(Array.from({ length: 10 }, () => front.ask("/")))),
        ...(await Promise.all(
          Array.from({ length: 10 }, () => front.ask("/", { method: "PUT", body: "text" })),
        )),
      ];
      expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(["good"]));
      expect(bad.seen.length).toBeGreaterThan(0);
    });

    it("is not repeated when the member may have acted on it", async () => {
      const front = await traffic.front({ algorithm: "round-robin", routes: [{ service: "web" }] });
      const bad = await traffic.backend("bad", (request) => void request.socket.destroy());
      const good = await traffic.backend("good");
      await front.members([bad, good]);
      const asked = 10;
      const answers = await Promise.all(
        Array.from({ length: asked }, () => front.ask("/", { method: "POST", body: "text" })),
      );
      expect(bad.seen.length).toBeGreaterThan(0);
      expect(bad.seen.length + good.seen.length).toBe(asked);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(good.seen.length);
      expect(statuses.filter((status) => status === 502)).toHaveLength(bad.seen.length);
    });

    it("is tried on another, whatever it asks, when no connection was made", async () => {
      const front = await traffic.front({ algorithm: "round-robin", routes: [{ service: "web" }] });
      const [gone, good] = [await traffic.backend("gone"), await traffic.backend("good")];
      await front.members([gone, good]);
      gone.close();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => front.ask("/", { method: "POST", body: "text" })),
      );
      expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(["good"]));
    });

    it("is given up when retries are used up, and is not tried at all again with none", async () => {
      const front = await traffic.front({ retries: 0, routes: [{ service: "web" }] });
      const bad = await traffic.backend("bad", (request) => void request.socket.destroy());
      await front.members([bad]);
      expect((await front.ask()).status).toBe(502);
      expect(bad.seen).toHaveLength(1);
    });

    it("because the answer took longer than the route allows ends with 504", async () => {
      const front = await traffic.front({
        routes: [
          { path: "/never", timeout: "200ms", service: "web" },
          { path: "/held", service: "web" },
        ],
      });
      const a = await traffic.backend("a");
      await front.members([a]);
      const patient = front.ask("/held");
      await a.holding(1);
      expect((await front.ask("/never")).status).toBe(504);
      a.release();
      expect((await patient).text).toBe("a");
    });
  });

  describe("a client stays with its member", () => {
    it("by a cookie, while the member is ready, and moves when it is not", async () => {
      const front = await traffic.front({
        routes: [
          { path: "/free", service: "web" },
          { service: "web", sticky: { cookie: "seat" } },
        ],
      });
      const [a, b, c] = [await traffic.backend("a"), await traffic.backend("b"), await traffic.backend("c")];
      await front.members([a, b]);
      const first = await front.ask();
      const cookie = seat(first.headers["set-cookie"]);
      expect(cookie).toMatch(/^seat=./);
      const stay = async (): Promise<readonly string[]> =>
        (await Promise.all(Array.from({ length: 12 }, () => front.ask("/", { headers: { cookie } })))).map(
          ({ text }) => text,
        );
      expect(new Set(await stay())).toEqual(new Set([first.text]));
      await front.members([a, b, c]);
      expect(new Set(await stay())).toEqual(new Set([first.text]));
      await front.members([a, b, c].map((one) => (one.id === first.text ? one.draining : one)));
      expect(await stay()).not.toContain(first.text);
      const moved = await front.ask("/", { headers: { cookie } });
      expect(seat(moved.headers["set-cookie"])).not.toBe(cookie);
      const next = { headers: { cookie: seat(moved.headers["set-cookie"]) } };
      expect((await front.ask("/", next)).text).toBe(moved.text);
      expect((await front.ask("/free")).headers).not.toHaveProperty("set-cookie");
    });

    it("by its address, while the member is ready, and moves when it is not", async () => {
      const front = await traffic.front({ routes: [{ service: "web", sticky: { by: "address" } }] });
      const all = await Promise.all(["a", "b", "c", "d"].map((id) => traffic.backend(id)));
      await front.members(all.slice(0, 3));
      const clients = Array.from({ length: 12 }, (_, index) => `127.0.0.${index + 2}`);
      const seats = async (): Promise<readonly string[]> =>
        Promise.all(clients.map(async (from) => (await front.ask("/", { from })).text));
      const before = await seats();
      expect(new Set(before).size).toBeGreaterThan(1);
      expect(await seats()).toEqual(before);
      await front.members(all);
      expect(await seats()).toEqual(before);
      const [left = ""] = before;
      await front.members(all.map((one) => (one.id === left ? one.draining : one)));
      const after = await seats();
      expect(after).not.toContain(left);
      clients.forEach((_, index) => {
        if (before[index] !== left) expect(after[index]).toBe(before[index]);
      });
      expect(await seats()).toEqual(after);
    });
  });

  describe("a client that asks too much", () => {
    it("is answered with 429 and Retry-After, by its address", async () => {
      const front = await traffic.front({
        routes: [
          { path: "/free", service: "web" },
          { service: "web", rateLimit: { requests: 3, period: "60s" } },
        ],
      });
      const a = await traffic.backend("a");
      await front.members([a]);
      const statuses: number[] = [];
      for (let index = 0; index < 5; index += 1) statuses.push((await front.ask()).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      const refused = await front.ask();
      expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
      expect(a.seen).toHaveLength(3);
      expect((await front.ask("/", { from: "127.0.0.9" })).status).toBe(200);
      expect((await front.ask("/free")).status).toBe(200);
    });

    it("is told apart by a header, where the route says so, and may ask again after the period", async () => {
      const front = await traffic.front({
        routes: [{ service: "web", rateLimit: { requests: 2, period: "2s", by: "header:X-Key" } }],
      });
      await front.members([await traffic.backend("a")]);
      const status = async (key: string): Promise<number> =>
        (await front.ask("/", { headers: { "x-key": key } })).status;
      // All at once: the period may end between requests that are made one after the other.
      const statuses = await Promise.all(Array.from({ length: 12 }, () => status("one")));
      expect(statuses).toContain(200);
      expect(statuses).toContain(429);
      expect(await status("two")).toBe(200);
      await until(async () => (await status("one")) === 200);
    });
  });

  describe("a member that fails its check", () => {
    it("gets nothing until it is well again", async () => {
      const front = await traffic.front({
        routes: [
          {
            service: "web",
            check: {
              path: "/healthz",
              period: "50ms",
              timeout: "1s",
              failureThreshold: 1,
              successThreshold: 1,
            },
          },
        ],
      });
      const [sick, well] = [await traffic.backend("sick"), await traffic.backend("well")];
      await front.members([sick, well]);
      await until(async () => (await front.texts(12)).includes("sick"));
      sick.healthy = false;
      await until(async () => !(await front.texts(12)).includes("sick"));
      expect(await front.texts(30)).not.toContain("sick");
      sick.healthy = true;
      await until(async () => (await front.texts(12)).includes("sick"));
      expect(
        new Set((await Promise.all([1, 2].map(() => ask(front.port())))).map(({ status }) => status)),
      ).toEqual(new Set([200]));
    });
  });
}

function seat(cookies: readonly string[] | undefined): string {
  return cookies?.find((one) => one.startsWith("seat="))?.split(";")[0] ?? "";
}
