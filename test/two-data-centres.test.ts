/** The example of a shop in two data centres: one city, then the other by one command; names, databases and balancers in both. */
import { Resolver } from "node:dns/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startLxd } from "../src/providers/lxd/fixtures/daemon.ts";
import { ROOT } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";

test("a shop is made in one city, then in the other by one command, and goes from both", async () => {
  const [berlin, paris] = await Promise.all([startLxd(), startLxd()]);
  onTestFinished(async () => void (await Promise.all([berlin.close(), paris.close()])));
  const home = openHome();
  const range = berlin.range.split(".").slice(0, 2).join(".");
  const settings = { berlin: berlin.endpoint, paris: paris.endpoint, image: "busybox", range };
  const up = ["up", join(ROOT, "examples/two-data-centres"), "--yes"].concat(
    Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
  );
  const outputs = async (): Promise<Readonly<Record<string, string>>> =>
    JSON.parse(await home.ok(["outputs", "shop", "-o", "json"])) as Record<string, string>;
  const machinesOf = async ({ instances }: typeof berlin): Promise<number> => (await instances()).length;

  await home.ok(up, { env: { CITIES: "berlin" } });
  expect([await machinesOf(berlin), await machinesOf(paris)]).toEqual([3, 0]);
  expect(await (await fetch((await outputs())["berlin"] ?? "")).text()).toMatch(/^web-[123] in berlin\n$/);

  await home.ok(up);
  expect([await machinesOf(berlin), await machinesOf(paris)]).toEqual([3, 3]);
  expect(await (await fetch((await outputs())["paris"] ?? "")).text()).toMatch(/^web-[123] in paris\n$/);
  const zone = await home.get("DNSZone/names");
  const resolver = new Resolver();
  resolver.setServers([String(zone?.status?.["server"])]);
  expect((await resolver.resolve4("paris.shop.test")).toSorted()).toEqual(
    [11, 12, 13].map((host) => `${range}.2.${host}`),
  );
  expect((await home.list("Database")).map(({ metadata }) => metadata.name).toSorted()).toEqual([
    "orders-berlin",
    "orders-paris",
  ]);

  await home.ok(["down", "shop", "--yes"]);
  expect([await machinesOf(berlin), await machinesOf(paris)]).toEqual([0, 0]);
});
