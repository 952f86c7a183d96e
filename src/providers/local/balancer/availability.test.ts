import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, freePort, Load, simple, type Backend } from "./fixtures/processes.ts";

describe("availability", () => {
  const fixture = new Fixture();
  let a: Backend;
  let b: Backend;
  let c: Backend;

  beforeAll(async () => {
    [a, b, c] = await Promise.all([
      fixture.backend("a"),
      fixture.backend("b"),
      fixture.backend("c"),
      fixture.start(),
    ]);
  });
  afterAll(() => fixture.close());

  it("fails no GET when a member is killed under load", async () => {
    const victim = await fixture.backend("victim");
    const port = await fixture.serve([a.member, b.member, victim.member]);
    const load = new Load(port, 16);
    await load.more(300);
    await victim.kill();
    await load.more(600);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.seen.get("victim")).toBeGreaterThan(0);
  });

  it("fails no GET while slow requests are in flight on the killed member", async () => {
    const victim = await fixture.backend("victim");
    const port = await fixture.serve([a.member, victim.member]);
    const load = new Load(port, 8, "/slow?ms=30");
    await load.more(40);
    await victim.kill();
    await load.more(40);
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  it("fails no request while configurations and members change under load", async () => {
    const port = await freePort();
    await fixture.client.configure(simple([a.member, b.member], {}, port));
    const load = new Load(port, 8);
    await load.more(50);
    for (let round = 0; round < 15; round += 1) {
      await fixture.client.setMembers("app", round % 2 === 0 ? [c.member] : [a.member, b.member]);
      await load.more(10);
      const swapped = simple(round % 3 === 0 ? [b.member] : [a.member, c.member], {}, port);
      await fixture.client.configure({
        ...swapped,
        listeners: [...swapped.listeners, { name: "other", host: "127.0.0.1", port: 0, protocol: "http" }],
      });
      await load.more(10);
      await fixture.client.configure(swapped);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  it("holds requests while no member is ready and serves them when one comes", async () => {
    const port = await fixture.serve([], { queueTimeoutMs: 5_000 });
    const answers = Promise.all([ask(port), ask(port), ask(port, "/echo", { method: "POST", body: "held" })]);
    while ((await fixture.client.pool("app")).waiting < 3);
    await fixture.client.setMembers("app", [a.member]);
    expect((await answers).map((one) => one.text)).toEqual(["a", "a", "held"]);
  });

  it("holds requests over the restart of the only member", async () => {
    const only = await fixture.backend("only");
    const port = await fixture.serve([only.member], { queueTimeoutMs: 10_000 });
    await only.kill();
    const answer = ask(port, "/echo", { method: "POST", body: "not lost" });
    const again = await fixture.backend("again", only.port);
    expect((await answer).text).toBe("not lost");
    await again.kill();
  });

  it("answers 503 with Retry-After at once when nothing may be held", async () => {
    const port = await fixture.serve([]);
    const answer = await ask(port);
    expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
  });

  it("answers 502 when every member refuses", async () => {
    const port = await fixture.serve([{ ...a.member, id: "gone", port: await freePort() }]);
    expect((await ask(port)).status).toBe(502);
  });

  it("answers 504 when a member says nothing in time", async () => {
    const port = await fixture.serve([a.member], { requestTimeoutMs: 50 });
    expect((await ask(port, "/never")).status).toBe(504);
  });

  it("does not fail a GET for an idle connection that its member has just closed", async () => {
    // Promises keep-alive with every answer and closes all the same.
    const rude = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrude");
        setImmediate(() => socket.destroy());
      });
    });
    const at = await freePort();
    await new Promise<void>((resolve) => rude.listen(at, "127.0.0.1", resolve));
    const port = await fixture.serve([{ id: "rude", host: "127.0.0.1", port: at, state: "ready" }], {
      retries: 0,
    });
    const load = new Load(port, 8);
    await load.more(400);
    await load.stop();
    expect(load.failures).toEqual([]);
    rude.close();
  });

  it("does not repeat a POST that a member may have seen", async () => {
    const port = await fixture.serve([a.member, b.member]);
    expect((await ask(port, "/hangup", { method: "POST", body: "once" })).status).toBe(502);
    const { pools } = await fixture.client.stats();
    const members = pools[0]?.members.filter((one) => one.failures.closed > 0);
    expect(members).toHaveLength(1);
  });

  it("cuts the client off when the member breaks off in the body", async () => {
    const port = await fixture.serve([a.member]);
    await expect(ask(port, "/cut")).rejects.toThrow();
  });
});
