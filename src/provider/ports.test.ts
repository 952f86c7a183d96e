import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { allocatePorts, describePortInUse, freePort, whoListens } from "./ports.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(port: number, host: string): Promise<number> {
  const server = createServer().listen(port, host);
  servers.push(server);
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

test("the same seed gives the same port, another seed most likely another", async () => {
  const first = await freePort({ seed: "/home/a" });
  expect(await freePort({ seed: "/home/a" })).toBe(first);
  expect(await freePort({ seed: "/home/b" })).not.toBe(first);
});

test("promised ports are passed over, and a used-up range gives none", async () => {
  const first = (await freePort({ seed: "x" }))!;
  expect(await freePort({ seed: "x", taken: new Set([first]) })).not.toBe(first);
  expect(await freePort({ seed: "x", range: [first, first], taken: new Set([first]) })).toBeUndefined();
});

test.each(["127.0.0.1", "0.0.0.0", "::"])(
  "a port on which somebody listens at %s is passed over",
  async (host) => {
    const port = await listen(0, host);
    expect(await freePort({ seed: "x", range: [port, port] })).toBeUndefined();
  },
);

test("many are all different, none of them promised or listened to, and too few are refused", async () => {
  const port = await listen(0, "127.0.0.1");
  const range = [port - 2, port + 2] as const;
  const taken = new Set([port - 1]);
  const given = await allocatePorts({ seed: "x", range, taken, elsewhere: true }, 4);
  expect(given.toSorted((a, b) => a - b)).toEqual([port - 2, port, port + 1, port + 2]);
  await expect(allocatePorts({ seed: "x", range, taken }, 4)).rejects.toThrow(
    /^4 free ports are needed and \d were found between \d+ and \d+\. Stop what listens there/,
  );
});

test("a listener is named with its program and number", async () => {
  const port = await listen(0, "127.0.0.1");
  expect(whoListens(port)).toMatchObject({ pid: process.pid });
  expect(describePortInUse(port)).toMatch(
    new RegExp(`^port ${port} is in use by .+ \\(pid ${process.pid}\\)$`),
  );
});

test("nobody is named for a free port", async () => {
  expect(whoListens((await freePort({ seed: "y" }))!)).toBeUndefined();
});
