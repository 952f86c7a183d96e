import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { Agent, createServer as createHttpServer, type ServerResponse } from "node:http";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, freePort, HOST, Load, simple, type Backend } from "./fixtures/processes.ts";

describe("control", () => {
  const fixture = new Fixture();
  let a: Backend;
  let b: Backend;

  beforeAll(async () => {
    [a, b] = await Promise.all([fixture.backend("a"), fixture.backend("b"), fixture.start()]);
  });
  afterAll(() => fixture.close());

  it("keeps socket and state file to its user", async () => {
    await fixture.serve([a.member]);
    expect(statSync(fixture.socket).mode & 0o777).toBe(0o600);
    expect(statSync(fixture.state).mode & 0o777).toBe(0o600);
  });

  it("sends a drained member nothing new once the call has returned, and waits for what it has", async () => {
    const held: ServerResponse[] = [];
    let requests = 0;
    const server = createHttpServer((_request, response) => {
      requests += 1;
      held.push(response);
    });
    const at = await freePort();
    await new Promise<void>((resolve) => server.listen(at, HOST, resolve));
    const port = await fixture.serve([{ id: "slow", host: HOST, port: at, state: "ready" }]);
    const inFlight = [ask(port), ask(port)];
    while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await fixture.client.setMembers("app", [a.member, { id: "slow", host: HOST, port: at, state: "ready" }]);
    expect(await fixture.client.drain("app", "slow", 0)).toEqual({ inFlight: 2, drained: false });
    const load = new Load(port, 4);
    await load.more(50);
    await load.stop();
    expect(requests).toBe(2);
    const drained = fixture.client.drain("app", "slow", 10_000);
    for (const response of held) response.end("done");
    expect(await drained).toEqual({ inFlight: 0, drained: true });
    expect((await Promise.all(inFlight)).map((one) => one.text)).toEqual(["done", "done"]);
    server.close();
  });

  it("closes idle connections to a member that leaves, and none of the clients'", async () => {
    const fresh = { ...a.member, id: "fresh" };
    const port = await fixture.serve([fresh]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask(port, "/", { agent });
    expect((await fixture.client.member("app", "fresh")).idleConnections).toBe(1);
    await fixture.client.setMembers("app", [{ ...fresh, state: "draining" }, b.member]);
    expect((await fixture.client.member("app", "fresh")).idleConnections).toBe(0);
    expect((await ask(port, "/", { agent })).text).toBe("b");
    const { listeners } = await fixture.client.stats();
    expect(listeners[0]?.connections).toBe(1);
    agent.destroy();
  });

  it("answers 409 with the address when it cannot listen, and changes nothing", async () => {
    const port = await fixture.serve([a.member]);
    const taken = createServer();
    const at = await freePort();
    await new Promise<void>((resolve) => taken.listen(at, HOST, resolve));
    const before = await fixture.client.configuration();
    await expect(fixture.client.configure(simple([b.member], {}, at))).rejects.toMatchObject({
      status: 409,
      diagnostics: [{ code: "AddressInUse", address: `${HOST}:${at}` }],
    });
    expect(await fixture.client.configuration()).toEqual(before);
    expect((await ask(port)).text).toBe("a");
    taken.close();
  });

  it("changes the protocol of an address, and goes back when that fails", async () => {
    const port = await freePort();
    await fixture.client.configure(simple([a.member], {}, port));
    const tcp = { name: "web", host: HOST, port, protocol: "tcp" as const, pool: "app" };
    const pools = simple([a.member]).pools;
    const bad = { name: "bad", host: "203.0.113.1", port: 1, protocol: "http" as const };
    await expect(
      fixture.client.configure({ listeners: [tcp, bad], routes: [], pools }),
    ).rejects.toMatchObject({ status: 409 });
    expect((await ask(port)).text).toBe("a");
    await fixture.client.configure({ listeners: [tcp], routes: [], pools });
    expect((await ask(port)).text).toBe("a");
  });

  it.each([
    ["no object", 7, "config"],
    ["an unknown field", { listeners: [], routes: [], pools: [], extra: 1 }, "extra"],
    ["a route to nowhere", { listeners: [], routes: [{ pool: "x" }], pools: [] }, "routes[0].pool"],
    [
      "a port out of range",
      { listeners: [{ name: "a", host: HOST, port: 70_000, protocol: "http" }], routes: [], pools: [] },
      "listeners[0].port",
    ],
    [
      "https without certificate",
      { listeners: [{ name: "a", host: HOST, port: 1, protocol: "https" }], routes: [], pools: [] },
      "listeners[0].certificates",
    ],
    [
      "a header that breaks the line",
      {
        listeners: [],
        routes: [{ pool: "p", headers: { request: { "X-A": "a\r\nX-B: c" } } }],
        pools: [{ name: "p", members: [] }],
      },
      "routes[0].headers.request.X-A",
    ],
  ])("refuses %s with the place", async (_title, input, address) => {
    await expect(fixture.client.configure(input as never)).rejects.toMatchObject({
      status: 400,
      diagnostics: [{ address }],
    });
  });

  it("answers calls it does not know with diagnostics", async () => {
    await expect(fixture.client.setMembers("nowhere", [])).rejects.toMatchObject({
      status: 404,
      diagnostics: [{ code: "UnknownPool" }],
    });
    await expect(fixture.client.setMembers("app", [{ id: "x" }] as never)).rejects.toMatchObject({
      status: 400,
    });
  });

  it("keeps a listener whose port, once given for 0, is asked for by number", async () => {
    const port = await fixture.serve([a.member]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask(port, "/", { agent });
    await fixture.client.configure(simple([a.member], {}, port));
    expect((await fixture.client.stats()).listeners).toMatchObject([{ port, connections: 1 }]);
    agent.destroy();
  });

  it("counts requests by route, member and class", async () => {
    const port = await fixture.serve([a.member]);
    await fixture.client.configure({
      ...simple([a.member], {}, port),
      routes: [{ name: "counted", pool: "app" }],
    });
    await ask(port);
    await ask(port);
    const metrics = await fixture.client.metrics();
    expect(metrics).toContain(
      'tutti_balancer_requests_total{route="counted",pool="app",service="app",instance="a",code="2xx"} 2',
    );
    expect(metrics).toContain(
      'tutti_balancer_request_duration_seconds_count{route="counted",pool="app",service="app"} 2',
    );
    const { pools } = await fixture.client.stats();
    expect(pools[0]?.members[0]?.window).toMatchObject({ failures: 0, serverErrors: 0 });
    expect(pools[0]?.members[0]?.window.p99Ms).toBeGreaterThan(0);
  });
});

describe("restart", () => {
  const fixture = new Fixture();
  let a: Backend;

  beforeAll(async () => {
    [a] = await Promise.all([fixture.backend("a"), fixture.start()]);
  });
  afterAll(() => fixture.close());

  it("serves from its state file after kill -9, on the same ports, without being told", async () => {
    const port = await fixture.serve([]);
    await fixture.client.setMembers("app", [a.member]);
    await fixture.stop("SIGKILL");
    await fixture.start();
    expect((await ask(port)).text).toBe("a");
  });

  it("answers ACME's challenges on http listeners only, before any route, and again after kill -9", async () => {
    const path = "/.well-known/acme-challenge/tok-en_1";
    const port = await fixture.serve([a.member]);
    await fixture.client.setChallenges({ "tok-en_1": "tok-en_1.print" });
    const answer = await ask(port, path);
    expect([answer.status, answer.text]).toEqual([200, "tok-en_1.print"]);
    expect((await ask(port, path, { method: "HEAD" })).text).toBe("");
    // What else is asked there is the routes' business.
    expect((await ask(port, path, { method: "POST" })).text).toBe("a");
    expect((await ask(port, `${path}x`)).text).toBe("a");
    expect((await ask(port, "/.well-known/acme-challenge/__proto__")).text).toBe("a");
    await fixture.serve([a.member], { retries: 1 });
    expect((await ask(port, path)).text).toBe("tok-en_1.print");
    await fixture.stop("SIGKILL");
    await fixture.start();
    expect((await ask(port, path)).text).toBe("tok-en_1.print");
    await fixture.client.setChallenges({});
    expect((await ask(port, path)).text).toBe("a");
  });

  it.each([
    ["a token that is a path", { "../x": "value" }],
    ["a value with a line break", { token: "a\r\nb" }],
    ["an empty value", { token: "" }],
  ])("refuses challenges with %s", async (_title, challenges) => {
    await expect(fixture.client.setChallenges(challenges)).rejects.toMatchObject({ status: 400 });
  });

  it("says that a state could not be kept until it is, and keeps it as soon as it can", async () => {
    const inTheWay = `${fixture.state}.new`;
    mkdirSync(inTheWay);
    await expect(fixture.serve([a.member])).rejects.toMatchObject({
      status: 500,
      diagnostics: [{ code: "StateNotSaved" }],
    });
    const { diagnostics, listeners } = await fixture.client.stats();
    expect(diagnostics).toMatchObject([{ code: "StateNotSaved" }]);
    expect((await ask(listeners[0]?.port ?? 0)).text).toBe("a");
    rmdirSync(inTheWay);
    while ((await fixture.client.stats()).diagnostics.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await fixture.stop("SIGKILL");
    await fixture.start();
    expect((await ask(listeners[0]?.port ?? 0)).text).toBe("a");
  });

  it("finishes what is in flight on SIGTERM, refuses the rest and exits 0", async () => {
    const port = await fixture.serve([a.member]);
    const slow = ask(port, "/slow?ms=300");
    while ((await fixture.client.member("app", "a")).inFlight === 0);
    const code = fixture.stop("SIGTERM");
    expect((await slow).text).toBe("a");
    expect(await code).toBe(0);
    await expect(ask(port)).rejects.toThrow("ECONNREFUSED");
  });

  it("listens as soon as a port that was taken at its start is free", async () => {
    await fixture.start();
    const port = await fixture.serve([a.member]);
    await fixture.stop("SIGKILL");
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, HOST, resolve));
    await fixture.start();
    expect((await fixture.client.stats()).diagnostics).toMatchObject([
      { code: "AddressInUse", address: `${HOST}:${port}` },
    ]);
    await new Promise((resolve) => taken.close(resolve));
    while ((await fixture.client.stats()).diagnostics.length > 0);
    expect((await ask(port)).text).toBe("a");
  });

  it("starts empty from a state file it cannot read", async () => {
    await fixture.stop("SIGKILL");
    writeFileSync(fixture.state, "{ half a");
    await fixture.start();
    expect(await fixture.client.configuration()).toEqual({ listeners: [], routes: [], pools: [] });
    await fixture.serve([a.member]);
    expect(JSON.parse(readFileSync(fixture.state, "utf8"))).toMatchObject({
      configuration: { routes: [{ pool: "app" }] },
    });
  });

  it("ignores SIGHUP", async () => {
    process.kill(fixture.pid ?? 0, "SIGHUP");
    expect(await fixture.client.healthy()).toBe(true);
  });
});
