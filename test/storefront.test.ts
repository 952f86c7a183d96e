import { Resolver } from "node:dns/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { leftBehind } from "./support/left-behind.ts";
import { ask } from "./support/load.ts";
import { isHeld, listeningPorts, startedBy } from "./support/processes.ts";
import { buy } from "./support/shop.ts";

const TYPESCRIPT = `${ROOT}/examples/storefront/tutti.ts`;
const YAML = `${ROOT}/examples/storefront/tutti.yaml`;

/** Brings it up and gives the front page's address: the first line of standard output. */
async function up(home: TestHome, declaration: string): Promise<string> {
  const [first = ""] = (await home.ok(["up", declaration])).split("\n");
  expect(first).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  return first.replace(/\/$/, "");
}

async function resolve(home: TestHome, name: string): Promise<readonly string[]> {
  const server: unknown = (await home.get("DNSZone/shop"))?.status?.["server"];
  const resolver = new Resolver();
  resolver.setServers([String(server)]);
  return resolver.resolve4(name);
}

test("the shop comes up from TypeScript and from YAML in two homes at once, sells, and goes without a trace", async () => {
  const [one, two] = [openHome(), openHome()];
  const urls = await Promise.all([up(one, TYPESCRIPT), up(two, YAML)]);
  expect(new Set(urls).size).toBe(2);
  for (const [index, url] of urls.entries()) {
    const home = index === 0 ? one : two;
    expect((await ask(`${url}/`)).body).toContain("<title>Storefront</title>");
    expect(JSON.parse((await ask(`${url}/api/products`)).body)).toHaveLength(3);
    await buy(url);
    expect(await resolve(home, "www.shop.test")).toEqual(["127.0.0.1"]);
  }

  const before = startedBy(one.path).map(({ pid }) => pid);
  const again = await one.tutti(["up", YAML]);
  expect(again.stderr).toContain("Nothing to do");
  expect(again).toMatchObject({ code: 0, stdout: `${urls[0] ?? ""}/\n` });
  expect(startedBy(one.path).map(({ pid }) => pid)).toEqual(expect.arrayContaining(before));

  for (const home of [one, two]) {
    const ports = listeningPorts(startedBy(home.path).map(({ pid }) => pid));
    expect(ports.length).toBeGreaterThanOrEqual(6);
    await home.ok(["down", "storefront", "--yes"]);
    expect(startedBy(home.path)).toEqual([]);
    expect(ports.filter((port) => isHeld(port, home.path))).toEqual([]);
    expect(leftBehind(home.path)).toEqual([]);
    expect(JSON.parse(await home.ok(["get", "all", "-o", "json"]))).toMatchObject({ items: [] });
  }
});

test("the plan of the TypeScript and of the YAML is the same, byte for byte", async () => {
  const home = openHome();
  const plans = await Promise.all([TYPESCRIPT, YAML].map((file) => home.ok(["plan", file, "-o", "json"])));
  expect(JSON.parse(plans[0] ?? "")).toMatchObject({ summary: { create: 11, delete: 0 } });
  expect(plans[1]).toBe(plans[0]);
  expect(existsSync(join(home.path, "store.db"))).toBe(false);
});
