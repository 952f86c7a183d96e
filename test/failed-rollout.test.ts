import { expect, test } from "vitest";
import { openHome } from "./support/open-home.ts";
import { loadOn } from "./support/load.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

const rollout = { progressDeadline: "2s" };

test.for([
  { fault: "exit", because: /7/ },
  { fault: "mute", because: /listens/ },
  { fault: "sick", because: /503/ },
])(
  "a revision that never becomes ready ($fault) gets no traffic, goes back by itself, and says why",
  async ({ fault, because }) => {
    const home = openHome();
    await home.ok(["up", home.declare(web({ env: { VERSION: "good" }, rollout }))]);
    const before = await home.pids("api");
    const load = loadOn(await home.url("front"));
    const bad = home.declare(web({ env: { VERSION: "bad", FAIL_START: fault }, rollout }));
    const up = await home.tutti(["up", bad]);
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(because);
    await until("the way back", async () => (await home.instances("api")).length === 3);
    await home.settled("api", 3);
    await load.more(200);
    await load.stop();
    expect(load.failures()).toEqual([]);
    expect([...load.bodies().keys()]).toEqual(["good"]);
    expect(await home.pids("api")).toEqual(before);
    const sentence = (await home.ok(["describe", "service/api"]))
      .split("\n")
      .find((line) => /rolled back|went back|goes back/i.test(line));
    expect(sentence).toMatch(because);
  },
);
