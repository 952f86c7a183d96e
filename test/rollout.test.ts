import { expect, test } from "vitest";
import { type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { type Load, loadOn } from "./support/load.ts";
import { web } from "./support/systems.ts";

/** TUTTI_LONG=1 sends at least twenty thousand requests through each change. */
const REQUESTS = process.env["TUTTI_LONG"] === undefined ? 500 : 10_000;

/** Makes the change under load, then asks for as many answers more as the changed system must give without a failure. */
async function underLoad(home: TestHome, change: () => Promise<unknown>): Promise<Load> {
  const load = loadOn(await home.url("front"));
  await load.more(REQUESTS);
  await change();
  await load.more(REQUESTS);
  await load.stop();
  expect(load.failures()).toEqual([]);
  return load;
}

test.for([
  { strategy: "rolling" },
  { strategy: "blue-green" },
  { strategy: "canary", canary: [{ share: 1, pause: "300ms" }] },
])("no request fails while a new revision rolls out: $strategy", async (rollout) => {
  const home = openHome();
  await home.ok(["up", home.declare(web({ env: { VERSION: "one" }, rollout }))]);
  const before = await home.pids("api");
  const load = await underLoad(home, async () => {
    await home.ok(["up", home.declare(web({ env: { VERSION: "two" }, rollout }))]);
    await home.settled("api", 3);
  });
  expect([...load.bodies().keys()].toSorted()).toEqual(["one", "two"]);
  expect((await home.pids("api")).filter((pid) => before.includes(pid))).toEqual([]);
});

test("no request fails while a service is restarted, be it slow or one that may not be repeated", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web())]);
  const before = await home.pids("api");
  const url = await home.url("front");
  const others = [
    loadOn(url, { path: "/wait", connections: 4 }),
    loadOn(url, { method: "POST", connections: 4 }),
  ];
  await underLoad(home, async () => {
    await home.ok(["rollout", "restart", "api"]);
    await home.settled("api", 3);
  });
  for (const load of others) {
    await load.stop();
    expect(load.failures()).toEqual([]);
  }
  const after = await home.pids("api");
  expect(after).toHaveLength(3);
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
});

test("no request fails while a service grows by six and shrinks to two; those that stay are left alone", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web())]);
  const three = await home.pids("api");
  await underLoad(home, async () => {
    await home.ok(["scale", "api", "+6"]);
    expect(await home.pids("api")).toEqual(expect.arrayContaining([...three]));
    await home.settled("api", 9);
    await home.ok(["scale", "api", "2"]);
    await home.settled("api", 2);
  });
});
