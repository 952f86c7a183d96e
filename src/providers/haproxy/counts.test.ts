/** What HAProxy's tables count of answers, as Prometheus is told. */
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Front, Traffic } from "../../provider/traffic-conformance-kit.ts";
import { haproxySubject } from "./fixtures/subject.ts";

describe("counts of answers", () => {
  const traffic = new Traffic(haproxySubject);
  beforeAll(() => traffic.open());
  afterEach(() => traffic.clear());
  afterAll(() => traffic.close());

  const valueOf = async (front: Front, series: string): Promise<number | undefined> => {
    const text = await front.provider.metrics(front.identity);
    const line = text.split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  };

  it("are told by route, instance and class, also where two routes lead to one service", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }, { path: "/api", service: "web" }] });
    await front.members([await traffic.backend("a")]);
    for (const path of ["/", "/", "/api", "/api/x", "/api/y"]) await front.ask(path);
    const requests = (route: string): string =>
      `tutti_balancer_requests_total{route="${route}",pool="web",service="web",instance="a",code="2xx"}`;
    expect(await valueOf(front, requests("*/"))).toBe(2);
    expect(await valueOf(front, requests("*/api"))).toBe(3);
  });

  it("hold durations by route in a histogram that has all of them, and their sum", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }, { path: "/held", service: "web" }] });
    const a = await traffic.backend("a");
    await front.members([a]);
    const began = performance.now();
    const held = front.ask("/held");
    await a.holding(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    a.release();
    await held;
    const took = (performance.now() - began) / 1000;
    await front.texts(20);
    const series = "tutti_balancer_request_duration_seconds";
    const labels = (route: string, le?: string): string =>
      `{route="${route}",pool="web",service="web"${le === undefined ? "" : `,le="${le}"`}}`;
    expect(await valueOf(front, `${series}_count${labels("*/")}`)).toBe(20);
    expect(await valueOf(front, `${series}_bucket${labels("*/", "+Inf")}`)).toBe(20);
    expect(await valueOf(front, `${series}_count${labels("*/held")}`)).toBe(1);
    expect(await valueOf(front, `${series}_bucket${labels("*/held", "0.25")}`)).toBe(0);
    const sum = await valueOf(front, `${series}_sum${labels("*/held")}`);
    expect(sum).toBeGreaterThan(0.28);
    expect(sum).toBeLessThan(took * 1.05);
  });

  it("hold those that HAProxy gave itself, without an instance, and never fewer than before", async () => {
    const front = await traffic.front({ queue: "100ms", routes: [{ service: "web" }] });
    const own = 'tutti_balancer_requests_total{route="*/",pool="web",service="web",instance="",code="5xx"}';
    expect((await front.ask("/")).status).toBe(503);
    expect((await front.ask("/")).status).toBe(503);
    await vi.waitFor(async () => expect(await valueOf(front, own)).toBe(2), { timeout: 20_000 });
    const [a, b] = [await traffic.backend("a"), await traffic.backend("b")];
    await front.members([a, b]);
    await front.texts(6);
    await front.members([b]);
    await front.texts(6);
    expect(await valueOf(front, own)).toBe(2);
    const ofInstance = (name: string): Promise<number | undefined> =>
      valueOf(
        front,
        `tutti_balancer_requests_total{route="*/",pool="web",service="web",instance="${name}",code="2xx"}`,
      );
    // What is gone is told of no more, and is not taken for HAProxy's own.
    expect(await ofInstance("a")).toBeUndefined();
    expect(
      await valueOf(
        front,
        'tutti_balancer_requests_total{route="*/",pool="web",service="web",instance="",code="2xx"}',
      ),
    ).toBeUndefined();
    expect(await ofInstance("b")).toBeGreaterThanOrEqual(6);
  });

  it("are nothing that promtool objects to", async () => {
    const front = await traffic.front({ routes: [{ service: "web" }] });
    await front.members([await traffic.backend("a")]);
    await front.texts(3);
    const text = await front.provider.metrics(front.identity);
    expect(execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })).toBe("");
  });
});
