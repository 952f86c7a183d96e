import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { describePortInUse, freePort, whoListens } from "./ports.ts";

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
