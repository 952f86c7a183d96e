/** Certificates by ACME from a real server (pebble), whose refusals a door in front of it can feign. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AcmeServerFixture, type Refusal, startAcmeServer } from "./fixtures/acme-server.ts";
import { Plane } from "./fixtures/plane.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let server: AcmeServerFixture;
let plane: Plane;

beforeEach(async () => {
  server = await startAcmeServer();
  plane = new Plane(Date.now());
  await plane.listen(server.httpPort);
  await plane.putSecret("acme-ca", { "ca.crt": server.authority });
});
afterEach(async () => {
  await plane.stop();
  await server.stop();
});

const listeners = (hosts: readonly string[], more: object = {}): readonly object[] => [
  { name: "http" },
  {
    name: "https",
    protocol: "https",
    tls: {
      issuer: "acme",
      hosts,
      acme: { directory: server.directory, authority: "acme-ca", email: "ops@example.test" },
      ...more,
    },
  },
];
const declare = (hosts: readonly string[], more: object = {}, name = "front"): Promise<void> =>
  plane.declare({ kind: "LoadBalancer", metadata: { name }, spec: { listeners: listeners(hosts, more) } });
const issued = (other?: string, name = "front-https-tls"): Promise<void> =>
  plane.until(() => plane.secret(name) !== undefined && plane.opened(name, "tls.crt") !== other);
/** Requests that came to an answer: a refused nonce is none, the client asks again by itself. */
const answered = (request: string): number =>
  server.asked.filter((line) => line.startsWith(`${request} `) && !line.endsWith(" 400")).length;
const orders = (): number => answered("POST /order-plz");
const problem = (
  status: number,
  type: string,
  detail: string,
  headers: Record<string, string> = {},
): Refusal => ({
  status,
  headers: { "content-type": "application/problem+json", ...headers },
  body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status }),
});
const notBefore = (moment: number): boolean => plane.clock.now() < moment;

describe("an https listener with the issuer acme", () => {
  it("proves all its hosts over http and gets one certificate for them", async () => {
    await declare(["b.example.test", "a.example.test"]);
    await issued();
    const certificate = plane.certificate("front-https-tls");
    expect(certificate.subjectAltName?.split(", ").sort()).toEqual([
      "DNS:a.example.test",
      "DNS:b.example.test",
    ]);
    expect(plane.opened("front-https-tls", "tls.crt").match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
    await plane.until(() => plane.condition()?.status === "True");
    expect(plane.events()).toContain(
      `Listener https has a new certificate for a.example.test, b.example.test, by ${server.directory}.`,
    );
    await plane.until(() => Object.keys(plane.challenges).length === 0);
    expect(plane.secret("front-https-tls-order")).toBeUndefined();
  });

  it("is not put off by a server that has looked before it is told to look again", async () => {
    // What it says once of an order and of an authorization is what they were a moment ago.
    const stale = new Set(["/my-order/", "/authZ/"]);
    server.rewrite = (path, body) => {
      const kind = [...stale].find((start) => path.startsWith(start));
      if (kind === undefined || !/"status": "(ready|valid)"/.test(body)) return body;
      stale.delete(kind);
      return body.replaceAll(/"status": "(ready|valid)"/g, '"status": "pending"');
    };
    await declare(["a.example.test"]);
    await issued();
    expect([stale.size, orders()]).toEqual([0, 1]);
    expect(plane.events().filter((event) => event.includes("has no certificate"))).toEqual([]);
  });

  it("gets none for wildcards of its routes, which nobody could prove", async () => {
    const spec = {
      listeners: listeners(["a.example.test"]),
      routes: [{ host: "*.example.test", service: "api" }],
    };
    await plane.declare({ kind: "LoadBalancer", metadata: { name: "front" }, spec });
    await issued();
    expect(plane.certificate("front-https-tls").subjectAltName).toBe("DNS:a.example.test");
  });

  it("waits until an http listener answers before it asks anybody", async () => {
    await plane.declare(
      {
        kind: "LoadBalancer",
        metadata: { name: "front" },
        spec: { listeners: listeners(["a.example.test"]) },
      },
      {},
    );
    await plane.until(() => plane.condition() !== undefined);
    expect(plane.condition()?.message).toBe(
      "Listener https waits for its certificate. No http listener answers yet.",
    );
    expect(server.asked).toEqual([]);
  });

  it("goes on with the order that was placed before a crash, with the same account", async () => {
    let isHeld = true;
    server.refuse = (path) =>
      isHeld && path.startsWith("/authZ/") ? problem(503, "serverInternal", "Later.") : undefined;
    await declare(["a.example.test"]);
    await plane.until(() => plane.condition()?.reason === "Refused");
    await plane.restart();
    isHeld = false;
    await plane.clock.advance(MINUTE);
    await issued();
    expect(orders()).toBe(1);
    expect(answered("POST /sign-me-up")).toBe(1);
  });

  /** Issued now, and declared to be renewed 52 weeks before its end. */
  const untilItIsDue = async (): Promise<{ readonly first: string; readonly wait: number }> => {
    await declare(["a.example.test"], { renewBefore: "52w" });
    await issued();
    const first = plane.opened("front-https-tls", "tls.crt");
    const due = Date.parse(plane.certificate("front-https-tls").validTo) - 52 * 7 * DAY;
    return { first, wait: due - plane.clock.now() };
  };

  it("is renewed before its end, and not earlier than declared", async () => {
    const { first, wait } = await untilItIsDue();
    await plane.clock.advance(wait - 2_000);
    expect(orders()).toBe(1);
    await issued(first);
    expect(plane.condition()?.status).toBe("True");
  });

  it("keeps the one in use when the server has none that is good for longer", async () => {
    const { first, wait } = await untilItIsDue();
    server.refuse = () => ({ status: 503, body: "" });
    await plane.clock.advance(wait - 2_000);
    await plane.until(() => plane.condition()?.reason === "Refused");
    // The server lives in real time: what it signs now is long due in the time of this test.
    server.refuse = undefined;
    await plane.clock.advance(MINUTE);
    await plane.until(() => plane.condition()?.message.includes("is due already") === true);
    expect(plane.opened("front-https-tls", "tls.crt")).toBe(first);
    expect(plane.condition()?.status).toBe("True");
  });

  it("gets another one when its hosts change", async () => {
    await declare(["a.example.test"]);
    await issued();
    const first = plane.opened("front-https-tls", "tls.crt");
    await plane.redeclare("front", { listeners: listeners(["c.example.test"]) });
    await issued(first);
    expect(plane.certificate("front-https-tls").subjectAltName).toBe("DNS:c.example.test");
  });

  it("opens another account when the server has lost it", async () => {
    await declare(["a.example.test"]);
    await issued();
    const first = plane.opened("front-https-tls", "tls.crt");
    let isLost = true;
    server.refuse = (path) => {
      if (path === "/sign-me-up") isLost = false;
      return isLost && path === "/order-plz"
        ? problem(400, "accountDoesNotExist", "Who are you?")
        : undefined;
    };
    await plane.redeclare("front", { listeners: listeners(["c.example.test"]) });
    await plane.until(() => plane.condition()?.reason === "Refused");
    await plane.clock.advance(MINUTE);
    await issued(first);
  });
});

describe("an ACME server that refuses", () => {
  it("by its rate limit is not asked again before its Retry-After, not even by the next control plane", async () => {
    server.refuse = (path) =>
      path === "/order-plz"
        ? problem(429, "rateLimited", "Too many certificates already issued.", { "retry-after": "7200" })
        : undefined;
    await declare(["a.example.test"]);
    await plane.until(() => plane.condition()?.reason === "Refused");
    const told = plane.clock.now();
    expect(plane.condition()?.message).toMatch(
      /^Listener https has no certificate: Too many certificates already issued\. It is tried again at .*Z\.$/,
    );
    expect(plane.condition()?.status).toBe("False");
    await plane.restart();
    server.refuse = undefined;
    await plane.clock.advance(2 * HOUR - 5 * MINUTE);
    expect(notBefore(told + 2 * HOUR)).toBe(true);
    expect(orders()).toBe(1);
    await plane.clock.advance(5 * MINUTE);
    await issued();
    expect(orders()).toBe(2);
  });

  it("with errors of its own is asked at ever longer intervals, and people are told once", async () => {
    server.refuse = (path) => (path === "/order-plz" ? { status: 500, body: "<h1>Oops</h1>" } : undefined);
    await declare(["a.example.test"]);
    await plane.until(() => plane.condition()?.reason === "Refused");
    for (const [attempt, wait] of [1, 2, 4, 8].entries()) {
      await plane.until(() => orders() === attempt + 1);
      const again = (): number =>
        Date.parse(/again at (\S+Z)/.exec(plane.condition()?.message ?? "")?.[1] ?? "");
      await plane.until(() => again() > plane.clock.now() + (wait - 0.5) * MINUTE);
      await plane.clock.advance((wait - 0.5) * MINUTE);
      expect(orders()).toBe(attempt + 1);
      await plane.clock.advance(0.5 * MINUTE);
    }
    const message = "Listener https has no certificate: it answers with status 500.";
    expect(plane.events().filter((event) => event === message)).toHaveLength(1);
  });

  it("while a certificate is in use leaves that in use, with a warning", async () => {
    await declare(["a.example.test"]);
    await issued();
    const first = plane.opened("front-https-tls", "tls.crt");
    server.refuse = () => ({ status: 503, body: "" });
    await plane.redeclare("front", { listeners: listeners(["a.example.test", "b.example.test"]) });
    await plane.until(() => plane.condition()?.reason === "Refused");
    expect(plane.opened("front-https-tls", "tls.crt")).toBe(first);
    expect(plane.condition()?.status).toBe("True");
    expect(plane.events().some((event) => event.includes("could not be renewed"))).toBe(true);
  });

  it("because a host could not be proved says which and why, and a new order is placed later", async () => {
    plane.isSilent = true;
    await declare(["a.example.test"]);
    await plane.until(() => plane.condition()?.reason === "Refused");
    expect(plane.condition()?.message).toMatch(/a\.example\.test: .*404/);
    plane.isSilent = false;
    await plane.clock.advance(MINUTE);
    await issued();
    expect(orders()).toBe(2);
  });

  it("that is not trusted is not spoken to", async () => {
    await plane.declare({
      kind: "LoadBalancer",
      metadata: { name: "front" },
      spec: { listeners: listeners(["a.example.test"], { acme: { directory: server.directory } }) },
    });
    await plane.until(() => plane.condition()?.reason === "Refused");
    expect(plane.condition()?.message).toContain("does not answer");
    expect(server.asked).toEqual([]);
  });
});

describe("what an ACME server can never prove", () => {
  it.each([
    [["*.example.test"], "An ACME server cannot prove '*.example.test' over http"],
    [["10.0.0.1"], "An ACME server cannot prove '10.0.0.1' over http"],
    [[], "No host is named"],
  ])("%j is said to be so, and nobody is asked", async (hosts, message) => {
    await declare(hosts);
    await plane.until(() => plane.condition() !== undefined);
    expect(plane.condition()?.message).toContain(message);
    expect(server.asked).toEqual([]);
  });
});
