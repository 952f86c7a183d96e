/** What checks say of an instance: the fold over verdicts, and real checks against real sockets. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type Probe, type Probes, probesOf } from "../../controller/probes.ts";
import type { Resource } from "../../model/resource.ts";
import { checkHttp, checkTcp } from "./checks.ts";
import { type Health, due, healthAtStart, judge } from "./judge.ts";

const probe = (changes: Partial<Probe> = {}): Probe => ({
  check: { type: "tcp", port: 1 },
  period: 1_000,
  timeout: 100,
  failureThreshold: 3,
  successThreshold: 1,
  ...changes,
});
const BAD = "Nothing listens on port 1 yet.";

/** Judges a series: `+` is a success, `-` a failure, one period apart. */
function series(
  probes: Probes,
  name: keyof Probes,
  marks: string,
  from = healthAtStart(probes, 0, false),
): Health {
  let now = 0;
  return marks.split("").reduce((health, mark) => {
    now += 1_000;
    return judge(health, probes, name, mark === "+" ? undefined : BAD, now);
  }, from);
}

describe("readiness", () => {
  it.each([
    ["-", false],
    ["--------", false],
    ["+", true],
    ["+--", true],
    ["+---", false],
    ["+--+--", true],
    ["+---+", true],
  ])("after %s is %s with a failure threshold of 3", (marks, ready) => {
    const health = series({ readiness: probe() }, "readiness", marks);
    expect([health.ready, health.hopeless]).toEqual([ready, undefined]);
  });

  it("needs as many successes in a row as its threshold says", () => {
    const probes = { readiness: probe({ successThreshold: 2 }) };
    expect(series(probes, "readiness", "+").ready).toBe(false);
    expect(series(probes, "readiness", "+-+").ready).toBe(false);
    expect(series(probes, "readiness", "++").ready).toBe(true);
  });

  it("starts from what the store says after a restart of the control plane", () => {
    const probes = { startup: probe(), readiness: probe() };
    const health = healthAtStart(probes, 0, true);
    expect(series(probes, "readiness", "--", health).ready).toBe(true);
    expect(due(health, probes, 0).now).toEqual(["readiness"]);
  });
});

describe("startup", () => {
  const probes = { startup: probe(), readiness: probe(), liveness: probe() };
  it("comes before the others, which begin when it has succeeded", () => {
    expect(due(healthAtStart(probes, 0, false), probes, 60_000).now).toEqual(["startup"]);
    const started = series(probes, "startup", "+");
    expect(due(started, probes, 1_000)).toEqual({ now: ["readiness"], next: 0 });
    expect(due(started, probes, 2_000).now).toEqual(["readiness", "liveness"]);
  });

  it("that takes longer than its periods allow makes an instance hopeless", () => {
    expect(series(probes, "startup", "---").hopeless).toBeUndefined();
    expect(series(probes, "startup", "----").hopeless).toBe(`It did not start within 3s: ${BAD}`);
  });

  it("alone leaves nothing to check once it has succeeded", () => {
    const only = { startup: probe() };
    const started = series(only, "startup", "+");
    expect(started.ready).toBe(true);
    expect(due(started, only, 5_000)).toEqual({ now: [], next: Number.POSITIVE_INFINITY });
  });
});

describe("liveness", () => {
  it("that fails too often in a row makes an instance hopeless", () => {
    const probes = { liveness: probe() };
    expect(series(probes, "liveness", "--+--").hopeless).toBeUndefined();
    expect(series(probes, "liveness", "---").hopeless).toBe(`Its liveness check failed 3 times: ${BAD}`);
  });
});

describe("the pace of checks", () => {
  it("is fast at first, slower with each failure, and the declared period once ready", () => {
    const probes = { readiness: probe({ period: 5_000 }) };
    let health = healthAtStart(probes, 0, false);
    const paces: number[] = [];
    let now = 0;
    for (let index = 0; index < 8; index += 1) {
      health = judge(health, probes, "readiness", BAD, now);
      const { next } = due(health, probes, now);
      paces.push(next);
      now += next;
    }
    expect(paces).toEqual([4, 8, 16, 32, 64, 100, 100, 100]);
    health = judge(health, probes, "readiness", undefined, now);
    expect(due(health, probes, now).next).toBe(5_000);
  });
});

describe("a check", () => {
  const close = (server: { close: () => unknown }): unknown => server.close();
  async function listening(server: ReturnType<typeof createServer>): Promise<number> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  it("of a port succeeds when something listens, and says when nothing does", async () => {
    const server = createServer((socket) => void socket.destroy());
    const port = await listening(server);
    expect(await checkTcp("127.0.0.1", port, 1_000)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
    expect(await checkTcp("127.0.0.1", port, 1_000)).toBe(`Nothing listens on port ${port} yet.`);
  });

  it.each([
    [200, undefined],
    [302, undefined],
    [404, "GET /health answered 404."],
    [503, "GET /health answered 503."],
  ])("by HTTP that is answered with %i gives %s", async (status, verdict) => {
    const server = createHttpServer((_request, response) => response.writeHead(status).end("x"));
    const port = await listening(server);
    expect(await checkHttp("127.0.0.1", port, "/health", 1_000)).toBe(verdict);
    close(server);
  });

  it("by HTTP that is not answered in time says so", async () => {
    const server = createHttpServer(() => {});
    const port = await listening(server);
    expect(await checkHttp("127.0.0.1", port, "/", 30)).toBe("GET / did not answer within 30ms.");
    server.closeAllConnections();
    close(server);
  });

  it("by HTTP of something that speaks another language fails", async () => {
    const server = createServer((socket) => void socket.end("220 smtp\r\n"));
    const port = await listening(server);
    expect(await checkHttp("127.0.0.1", port, "/", 1_000)).toMatch(/does not answer/);
    close(server);
  });
});

describe("the probes of an instance", () => {
  const instance = (probes: object, ports: object): Resource =>
    ({ spec: { run: { probes }, ports } }) as unknown as Resource;
  const declared = { period: "1s", timeout: "1s", failureThreshold: 3, successThreshold: 1 };

  it("are a TCP check of its first port when it declares no readiness probe", () => {
    expect(probesOf(instance({}, { http: 20_001, admin: 20_002 })).readiness?.check).toEqual({
      type: "tcp",
      port: 20_001,
    });
  });

  it("are none without a port and a declaration", () => {
    expect(probesOf(instance({}, {}))).toEqual({});
  });

  it("go to the port that is named", () => {
    const spec = { readiness: { ...declared, http: { path: "/ok", port: "admin" } } };
    expect(probesOf(instance(spec, { http: 1, admin: 2 })).readiness?.check).toEqual({
      type: "http",
      path: "/ok",
      port: 2,
    });
  });
});
