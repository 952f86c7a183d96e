import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CheckConfiguration, MemberConfiguration } from "./configuration.ts";
import { ask, Fixture, HOST } from "./fixtures/processes.ts";

const check: CheckConfiguration = {
  path: "/healthz?deep=1",
  periodMs: 20,
  timeoutMs: 10_000,
  failureThreshold: 2,
  successThreshold: 2,
};

/** A member whose checks are answered as the test says. */
class Patient {
  readonly #server = createHttpServer((request, response) => {
    if (request.url !== check.path) return void response.end(this.id);
    this.checks += 1;
    this.host = request.headers.host;
    response.writeHead(this.answers.shift() ?? this.status).end();
  });
  readonly id: string;
  checks = 0;
  host: string | undefined;
  status = 200;
  /** Statuses of the next checks. */
  answers: number[] = [];

  constructor(id: string) {
    this.id = id;
  }

  async listen(): Promise<MemberConfiguration> {
    return { id: this.id, host: HOST, port: await listening(this.#server), state: "ready" };
  }

  async checked(times: number): Promise<void> {
    const goal = this.checks + times;
    while (this.checks < goal) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("health checks", () => {
  const fixture = new Fixture();
  const closing: (() => void)[] = [];

  beforeAll(() => fixture.start());
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });
  afterAll(() => fixture.close());

  const patient = async (id: string): Promise<[Patient, MemberConfiguration]> => {
    const made = new Patient(id);
    closing.push(() => made.close());
    return [made, await made.listen()];
  };
  const healthy = async (id: string): Promise<boolean> => (await fixture.client.member("app", id)).healthy;
  const until = async (id: string, wanted: boolean): Promise<void> => {
    while ((await healthy(id)) !== wanted) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it("take a member out that fails as often in a row as the threshold says, and not before", async () => {
    const [a, member] = await patient("a");
    await fixture.serve([member], { check });
    await a.checked(1);
    a.answers = [500, 200, 500, 200, 404, 204, 399];
    await a.checked(8);
    expect(await healthy("a")).toBe(true);
    a.status = 500;
    await until("a", false);
    a.answers = [200, 500, 200, 500];
    await a.checked(5);
    expect(await healthy("a")).toBe(false);
    a.status = 200;
    await until("a", true);
    expect(a.host).toBe(`${HOST}:${member.port}`);
  });

  it("send nothing to a bad member while another is well, and again when it is", async () => {
    const [[a, memberA], [, memberB]] = [await patient("a"), await patient("b")];
    const port = await fixture.serve([memberA, memberB], { check });
    a.status = 503;
    await until("a", false);
    const texts = await Promise.all(Array.from({ length: 20 }, async () => (await ask(port)).text));
    expect(new Set(texts)).toEqual(new Set(["b"]));
    a.status = 200;
    await until("a", true);
    const seen = new Set<string>();
    while (seen.size < 2) seen.add((await ask(port)).text);
  });

  it("let requests wait when no member is well, for the queue's time", async () => {
    const [a, member] = await patient("a");
    a.status = 500;
    const port = await fixture.serve([member], { check, queueTimeoutMs: 0 });
    await until("a", false);
    expect((await ask(port)).status).toBe(503);
    await fixture.serve([member], { check, queueTimeoutMs: 60_000 });
    const waiting = ask((await fixture.client.stats()).listeners[0]?.port ?? 0);
    while ((await fixture.client.pool("app")).waiting < 1);
    a.status = 200;
    expect((await waiting).text).toBe("a");
  });

  it.each<[string, (socket: Socket) => void]>([
    ["says nothing", () => undefined],
    ["hangs up", (socket) => socket.destroy()],
    ["does not speak HTTP", (socket) => socket.end("hello\r\n\r\n")],
    ["switches protocols", (socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")],
  ])("find a member bad that %s", async (_title, answer) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => answer(socket));
    });
    closing.push(() => server.close());
    const port = await listening(server);
    await fixture.serve([{ id: "odd", host: HOST, port, state: "ready" }], {
      check: { ...check, timeoutMs: 50 },
    });
    await until("odd", false);
    expect((await fixture.client.metrics()).match(/member_ready\{.*\} (\d)/)?.[1]).toBe("0");
    await fixture.serve([]);
  });

  it("find a member bad that nobody listens for, and well when somebody does", async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await fixture.serve([{ id: "late", host: HOST, port, state: "ready" }], { check });
    await until("late", false);
    const late = createHttpServer((_request, response) => response.end());
    closing.push(() => {
      late.close();
      late.closeAllConnections();
    });
    await new Promise<void>((resolve) => late.listen(port, HOST, resolve));
    await until("late", true);
  });

  it("end with the pool's check, and every member is well then", async () => {
    const [a, member] = await patient("a");
    a.status = 500;
    await fixture.serve([member], { check });
    await until("a", false);
    const port = await fixture.serve([member]);
    expect((await ask(port)).text).toBe("a");
    const { checks } = a;
    await Promise.all(Array.from({ length: 20 }, () => ask(port)));
    expect(a.checks).toBeLessThanOrEqual(checks + 1);
  });

  it("leave a member's record alone when members or routes change around it", async () => {
    const [[a, memberA], [b, memberB]] = [await patient("a"), await patient("b")];
    a.status = 500;
    await fixture.serve([memberA], { check });
    await until("a", false);
    await fixture.client.setMembers("app", [memberA, memberB]);
    expect(await healthy("a")).toBe(false);
    await b.checked(1);
    await fixture.serve([memberA, memberB], { check: { ...check, periodMs: 30 } });
    expect([await healthy("a"), await healthy("b")]).toEqual([false, true]);
  });

  it("do not ask a member that is draining", async () => {
    const [[a, memberA], [b, memberB]] = [await patient("a"), await patient("b")];
    await fixture.serve([memberA, memberB], { check });
    await a.checked(1);
    await fixture.client.drain("app", "a", 0);
    await b.checked(1);
    const { checks } = a;
    await b.checked(5);
    expect(a.checks).toBeLessThanOrEqual(checks + 1);
  });
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port)),
  );
}
