import { expect, test } from "vitest";
import { openHome } from "./support/open-home.ts";
import { ask } from "./support/load.ts";
import { web } from "./support/systems.ts";

test("a revision can be read as it was, listed, and gone back to", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web({ replicas: 2, env: { VERSION: "one" } }))]);
  const then = new Date().toISOString();
  await home.ok(["up", home.declare(web({ replicas: 2, env: { VERSION: "two" } }))]);
  const url = await home.url("front");
  expect((await ask(`${url}/`)).body).toBe("two");

  expect(await home.ok(["get", "service/api", "-o", "yaml"])).toContain("VERSION: two");
  expect(await home.ok(["get", "service/api", "--at", then, "-o", "yaml"])).toContain("VERSION: one");
  const history = await home.ok(["rollout", "history", "api"]);
  expect(history.split("\n").filter((line) => /^\s*\d+\b/.test(line))).toHaveLength(2);

  await home.ok(["rollout", "undo", "api"]);
  expect((await ask(`${url}/`)).body).toBe("one");
  expect(await home.ok(["get", "service/api", "-o", "yaml"])).toContain("VERSION: one");
  expect(await home.ok(["why", "service/api"])).toMatch(/undo|rollback/i);
});
