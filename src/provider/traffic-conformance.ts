/**
 * What every class of LoadBalancer must do, against real backends and real connections: a declaration means the same
 * whichever class serves it. An implementation's test calls it with a way to open the provider. The parts:
 *
 *   -routes     which member answers, and what it is told
 *   -members    who gets what: members that come and go, fail, are checked and are chosen
 *   -protocols  what clients may speak, and what is refused
 *   -safety     request smuggling
 *   (here)      what is counted, and that traffic outlives the control plane
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Load, Traffic, type TrafficSubject } from "./traffic-conformance-kit.ts";
import { membership } from "./traffic-conformance-members.ts";
import { protocols } from "./traffic-conformance-protocols.ts";
import { routing } from "./traffic-conformance-routes.ts";
import { safety } from "./traffic-conformance-safety.ts";

export type { OpenedTraffic, TrafficSubject } from "./traffic-conformance-kit.ts";

export function trafficConformance(name: string, subject: TrafficSubject): void {
  describe(`${name} balances traffic as declared`, () => {
    const traffic = new Traffic(subject);
    beforeAll(() => traffic.open());
    afterEach(() => traffic.clear());
    afterAll(() => traffic.close());

    routing(traffic);
    membership(traffic);
    protocols(traffic);
    safety(traffic);
    counting(traffic);
    survival(traffic);
  });
}

function counting(traffic: Traffic): void {
  describe("it counts", () => {
    it("requests, errors and what is in flight by member", async () => {
      const front = await traffic.front({ retries: 0, routes: [{ service: "web" }] });
      const a = await traffic.backend("a");
      await front.members([a]);
      await front.texts(5);
      await front.ask("/hangup");
      const held = front.ask("/held");
      await a.holding(1);
      const [one, ...others] = await front.provider.stats(front.identity);
      expect(others).toEqual([]);
      expect(one).toMatchObject({ pool: "web", id: "a", inFlight: 1 });
      expect(one?.requests).toBeGreaterThanOrEqual(5);
      expect(one?.errors).toBeGreaterThanOrEqual(1);
      expect(one?.latency).toBeGreaterThanOrEqual(0);
      a.release();
      await held;
    });

    it("in Prometheus' text format, under one set of names", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("a")]);
      await front.texts(7);
      const text = await front.provider.metrics(front.identity);
      const total = text
        .split("\n")
        .filter((line) =>
          /^tutti_balancer_requests_total\{.*\bpool="web".*\binstance="a".*code="2xx"/.test(line),
        )
        .map((line) => Number(line.split(" ").at(-1)));
      expect(total).toEqual([7]);
      expect(text).toMatch(/^tutti_balancer_member_ready\{pool="web",service="web",instance="a"\} 1$/m);
      expect(text).toMatch(/^tutti_balancer_in_flight\{pool="web",service="web",instance="a"\} 0$/m);
      expect(text).toMatch(
        /^tutti_balancer_member_requests_total\{pool="web",service="web",instance="a"\} 7$/m,
      );
      for (const line of text.trimEnd().split("\n"))
        expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? -?[\d.e+-]+)$/);
    });
  });
}

function survival(traffic: Traffic): void {
  describe("traffic flows", () => {
    it("while the control plane is away, and the next one finds everything in force", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
      await front.members([a]);
      const load = new Load(front.port(), 4);
      await load.more(50);
      const before = await front.observe();
      await traffic.reopen();
      await load.more(50);
      expect(await front.observe()).toEqual(before);
      expect(await front.ensure()).toEqual(before);
      await front.members([b]);
      await load.more(50);
      expect(await load.stop()).toEqual([]);
      expect((await front.ask()).text).toBe("b");
    });

    it("again after what serves it was killed and made anew, with the members it had", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
      await front.members([a, b.draining]);
      await front.provider.setChallenges(front.identity, { token: "value" });
      const port = front.port();
      await traffic.kill(front);
      expect(await front.observe()).toBeUndefined();
      expect((await front.ensure()).ready).toBe(true);
      expect(front.port()).toBe(port);
      expect(new Set(await front.texts(10))).toEqual(new Set(["a"]));
      expect((await front.ask("/.well-known/acme-challenge/token")).text).toBe("value");
    });

    it("on while nothing is changed, and is over when it is removed", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("a")]);
      const first = await front.ensure();
      expect(await front.ensure()).toEqual(first);
      expect(await front.observe()).toEqual(first);
      await front.remove();
      await front.remove();
      expect(await front.observe()).toBeUndefined();
      await expect(front.ask()).rejects.toThrow();
    });
  });
}
