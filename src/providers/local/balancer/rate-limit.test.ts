import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, HOST, raw, simple, type Backend } from "./fixtures/processes.ts";
import { LIMITS } from "./limits.ts";
import { clientKey, RateLimiter } from "./rate-limit.ts";

const settings = { requests: 3, periodMs: 1_000 };
const someSettings = fc.record({
  requests: fc.integer({ min: 1, max: 20 }),
  periodMs: fc.integer({ min: 1, max: 10_000 }),
});

describe("a limit of requests", () => {
  it("grants a new client all of its requests at once, and none beyond", () => {
    fc.assert(
      fc.property(someSettings, fc.nat(1e9), (configuration, now) => {
        const limiter = new RateLimiter(configuration);
        for (let index = 0; index < configuration.requests; index += 1)
          expect(limiter.take("a", now)).toBe(0);
        expect(limiter.take("a", now)).toBeGreaterThan(0);
      }),
    );
  });

  it("grants the next request after the time it said, if nothing else was granted", () => {
    fc.assert(
      fc.property(someSettings, fc.array(fc.nat(3_000), { maxLength: 60 }), (configuration, pauses) => {
        const limiter = new RateLimiter(configuration);
        let now = 12_345;
        for (const pause of pauses) {
          now += pause;
          const wait = limiter.take("a", now);
          if (wait === 0) continue;
          expect(wait).toBeLessThanOrEqual(configuration.periodMs);
          now += wait;
          expect(limiter.take("a", now)).toBe(0);
        }
      }),
    );
  });

  it("grants as many in the long run, however much is asked", () => {
    const limiter = new RateLimiter(settings);
    let granted = 0;
    for (let now = 0; now < 100_000; now += 10) if (limiter.take("a", now) === 0) granted += 1;
    expect(granted).toBe(302);
  });

  it("counts each client by itself, and owes nothing to who was quiet for a period", () => {
    const limiter = new RateLimiter(settings);
    for (let index = 0; index < 3; index += 1) limiter.take("a", 0);
    expect(limiter.take("a", 0)).toBeGreaterThan(0);
    expect(limiter.take("b", 0)).toBe(0);
    for (let index = 0; index < 3; index += 1) expect(limiter.take("a", 1_000)).toBe(0);
  });

  it("keeps a bounded number of clients, and a flood of new ones locks nobody out", () => {
    const limiter = new RateLimiter({ requests: 1, periodMs: 60_000 });
    let refused = 0;
    for (let index = 0; index < 3 * LIMITS.rateLimitClients; index += 1)
      if (limiter.take(`a${index}`, 0) > 0) refused += 1;
    expect(refused).toBe(0);
    expect(limiter.clients).toBeLessThanOrEqual(2 * LIMITS.rateLimitClients);
    expect(limiter.take(`a${3 * LIMITS.rateLimitClients - 1}`, 0)).toBeGreaterThan(0);
  });
});

describe("a client", () => {
  const byHeader = { ...settings, header: "x-key" };
  const key = (address: string, fields: readonly string[] = []): string =>
    clientKey(byHeader, address, fields);

  it("is its header, whatever the header's case and length, and else its address", () => {
    expect(key("1.1.1.1", ["X-KEY", "one"])).toBe(key("2.2.2.2", ["x-key", "one"]));
    expect(key("1.1.1.1", ["X-Key", "one"])).not.toBe(key("1.1.1.1", ["X-Key", "two"]));
    expect(key("1.1.1.1", ["X-Key", "a".repeat(10_000)]).length).toBeLessThan(60);
    expect(key("1.1.1.1")).not.toBe(key("2.2.2.2"));
    expect(key("9.9.9.9", ["X-Key", "1.1.1.1"])).not.toBe(key("1.1.1.1"));
  });

  it("has the first half of an IPv6 address to itself", () => {
    expect(key("2001:db8:1:2::1")).toBe(key("2001:db8:1:2:ffff::9"));
    expect(key("2001:db8:1:2::1")).not.toBe(key("2001:db8:1:3::1"));
    expect(key("::1")).toBe(key("0:0:0:0:0:0:0:1"));
    expect(key("fe80::1%eth0")).toBe(key("fe80::2"));
  });
});

describe("a limited route", () => {
  const fixture = new Fixture();
  let backend: Backend;
  let port: number;

  beforeAll(async () => {
    [backend] = await Promise.all([fixture.backend("a"), fixture.start()]);
    port = (await configure()) ?? 0;
  });
  afterAll(() => fixture.close());

  const configure = async (more: readonly string[] = []): Promise<number | undefined> => {
    const listeners = await fixture.client.configure({
      ...simple([backend.member], {}, port),
      routes: [
        { path: "/one", pool: "app", rateLimit: { requests: 1, periodMs: 3_600_000 } },
        { path: "/post", pool: "app", rateLimit: { requests: 1, periodMs: 3_600_000 } },
        { path: "/ws", pool: "app", rateLimit: { requests: 1, periodMs: 3_600_000 } },
        ...more.map((path) => ({ path, pool: "app" })),
      ],
    });
    return listeners[0]?.port;
  };

  it("goes on counting when something else is changed", async () => {
    expect((await ask(port, "/one")).status).toBe(200);
    await configure(["/new"]);
    const refused = await ask(port, "/one");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1_000);
    expect((await ask(port, "/new")).status).toBe(200);
  });

  it("passes nothing of a refused body on, and closes behind it", async () => {
    const request = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 34\r\n\r\n";
    expect(await raw(port, `${request}${"x".repeat(34)}`, "200 OK")).toContain("200 OK");
    const text = await raw(
      port,
      `${request}GET /hidden HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 429"]);
    expect(text).toContain("Connection: close");
  });

  it("counts those whom a trusted proxy in front has seen, and believes nobody else", async () => {
    const { listeners, ...rest } = await fixture.client.configuration();
    const behind = { name: "inner", host: HOST, port: 0, protocol: "http", trustForwarded: true } as const;
    const limited = { path: "/new", pool: "app", rateLimit: { requests: 1, periodMs: 3_600_000 } };
    const opened = await fixture.client.configure({
      ...rest,
      listeners: [...listeners, behind],
      routes: [limited],
    });
    const inner = opened[1]?.port ?? 0;
    const status = async (at: number, chain: string): Promise<number> =>
      (await ask(at, "/new", { headers: { "x-forwarded-for": chain } })).status;
    expect(await status(inner, "6.6.6.6, 7.7.7.7")).toBe(200);
    expect(await status(inner, "9.9.9.9, 7.7.7.7")).toBe(429);
    expect(await status(inner, "7.7.7.7, 8.8.8.8")).toBe(200);
    expect(await status(port, "1.1.1.1")).toBe(200);
    expect(await status(port, "2.2.2.2")).toBe(429);
    await configure();
  });

  it("counts switches of protocol too", async () => {
    const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    expect(await raw(port, upgrade, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 101 /);
    const refused = await raw(port, upgrade);
    expect(refused).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
    expect(refused).toMatch(/\r\nRetry-After: \d+\r\n/);
  });
});
