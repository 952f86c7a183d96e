import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, HOST, raw, simple, type Backend } from "./fixtures/processes.ts";
import { rendezvous, Seats, Tokens } from "./stickiness.ts";

const members = (count: number): { readonly id: string }[] =>
  Array.from({ length: count }, (_, index) => ({ id: `web-${index}` }));
const addresses = Array.from({ length: 2_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
const seatOf = (address: string, list: readonly { readonly id: string }[]): string =>
  rendezvous(address, list)?.id ?? "";

describe("rendezvous hashing", () => {
  it("moves only the clients of a member that goes, and only to one that comes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), (count, which) => {
        const all = members(count);
        const gone = all[which % count]?.id ?? "";
        const left = all.filter(({ id }) => id !== gone);
        for (const address of addresses.slice(0, 200)) {
          const [many, few] = [seatOf(address, all), seatOf(address, left)];
          expect(many === gone || many === few).toBe(true);
        }
      }),
    );
  });

  it("spreads clients evenly, also those with neighbouring addresses", () => {
    const counts = new Map<string, number>();
    for (const address of addresses) {
      const seat = seatOf(address, members(4));
      counts.set(seat, (counts.get(seat) ?? 0) + 1);
    }
    expect(counts.size).toBe(4);
    // Deterministic: these addresses always give these counts.
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(75);
  });

  it("gives no seat where there is none", () => {
    expect(rendezvous("10.0.0.1", [])).toBeUndefined();
  });
});

describe("seats by address", () => {
  it("stay when members come, and move only from a member that goes", () => {
    const seats = new Seats();
    const before = addresses.map((one) => seats.of(one, members(3))?.id);
    expect(addresses.map((one) => seats.of(one, members(6))?.id)).toEqual(before);
    const without = members(6).filter(({ id }) => id !== "web-0");
    addresses.forEach((one, index) => {
      const seat = seats.of(one, without)?.id;
      if (before[index] !== "web-0") expect(seat).toBe(before[index]);
      else expect(seat).not.toBe("web-0");
    });
  });
});

describe("tokens", () => {
  it("are of one pool, one member and one key, and tell none of them", () => {
    const key = new Uint8Array(32).fill(1);
    const one = new Tokens(key, "web").of({ id: "web-1" });
    expect(one).toMatch(/^[\w-]{22}$/);
    expect(one).not.toContain("web");
    expect(new Tokens(key, "web").of({ id: "web-1" })).toBe(one);
    const others = [
      new Tokens(key, "web").of({ id: "web-2" }),
      new Tokens(key, "api").of({ id: "web-1" }),
      new Tokens(new Uint8Array(32).fill(2), "web").of({ id: "web-1" }),
    ];
    expect(new Set([one, ...others]).size).toBe(4);
  });
});

describe("a sticky route", () => {
  const fixture = new Fixture();
  let backends: readonly Backend[];
  let port: number;
  let innerPort: number;

  beforeAll(async () => {
    [backends] = await Promise.all([
      Promise.all(["a", "b", "c"].map((name) => fixture.backend(name))),
      fixture.start(),
    ]);
    const configuration = simple(backends.map(({ member }) => member));
    const inner = { name: "inner", host: HOST, port: 0, protocol: "http", trustForwarded: true } as const;
    const sticky = { by: "cookie", cookie: "seat" } as const;
    const listeners = await fixture.client.configure({
      ...configuration,
      listeners: [...configuration.listeners, inner],
      routes: [
        { pool: "app", sticky },
        { path: "/shop", pool: "app", sticky },
        { path: "/odd;x=1", pool: "app", sticky },
      ],
    });
    port = listeners[0]?.port ?? 0;
    innerPort = listeners[1]?.port ?? 0;
  });
  afterAll(() => fixture.close());

  const seat = async (path: string, cookie?: string): Promise<{ name: string; set: string | undefined }> => {
    const answer = await ask(port, path, cookie === undefined ? {} : { headers: { cookie } });
    return { name: answer.text, set: answer.headers["set-cookie"]?.[0] };
  };

  it("gives a cookie that scripts cannot read, for its own path", async () => {
    expect((await seat("/")).set).toMatch(/^seat=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect((await seat("/shop/cart")).set).toMatch(/; Path=\/shop; HttpOnly/);
    expect((await seat("/odd;x=1")).set).toMatch(/; Path=\/; HttpOnly/);
  });

  it("gives a cookie that is for https alone to who came by https", async () => {
    const answer = await ask(innerPort, "/", { headers: { "x-forwarded-proto": "https" } });
    expect(answer.headers["set-cookie"]?.[0]).toMatch(/; SameSite=Lax; Secure$/);
  });

  it("finds its cookie among others, twice or damaged, and gives none to who has one", async () => {
    const first = await seat("/");
    const own = first.set?.split(";")[0] ?? "";
    for (const cookie of [own, `x=1; ${own}; y=2`, `seat=stale; ${own}`, `seat=; ${own};;=`])
      expect(await seat("/", cookie)).toEqual({ name: first.name, set: undefined });
    const stranger = await seat("/", "seat=web-1; seatx=1");
    expect(stranger.set).toMatch(/^seat=/);
  });

  it("knows its clients again after kill -9", async () => {
    const firsts = await Promise.all(Array.from({ length: 6 }, () => seat("/")));
    await fixture.stop("SIGKILL");
    await fixture.start();
    for (const { name, set } of firsts)
      expect(await seat("/", set?.split(";")[0])).toEqual({ name, set: undefined });
  });

  it("keeps a switched protocol with its member as well", async () => {
    const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n";
    const answer = await raw(port, `${upgrade}\r\n`, "\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    const cookie = /Set-Cookie: (seat=[\w-]+)/.exec(answer)?.[1] ?? "";
    const { name } = await seat("/", cookie);
    const socket = connect(port, "127.0.0.1", () => socket.write(`${upgrade}Cookie: ${cookie}\r\n\r\n`));
    const [again] = (await once(socket, "data")) as [Buffer];
    expect(again.toString()).not.toContain("Set-Cookie");
    const held = (await fixture.client.pool("app")).members.filter(({ inFlight }) => inFlight > 0);
    expect(held.map(({ id }) => id)).toEqual([name]);
    socket.destroy();
  });
});
