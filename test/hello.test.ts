import { expect, test } from "vitest";
import { ROOT } from "./support/home.ts";
import { leftBehind } from "./support/left-behind.ts";
import { ask } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { startedBy } from "./support/processes.ts";

test("the smallest example comes up at the address it prints, says nothing is to do the second time, and goes without a trace", async () => {
  const home = openHome();
  const address = await home.ok(["up", `${ROOT}/examples/hello`]);
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\n$/);
  expect(await ask(address.trim())).toMatchObject({
    status: 200,
    body: expect.stringMatching(/hello/i) as string,
  });

  const before = await home.pids("web");
  const again = await home.tutti(["up", `${ROOT}/examples/hello`]);
  expect(again).toMatchObject({ code: 0, stdout: address });
  expect(again.stderr).toContain("Nothing to do");
  expect(await home.pids("web")).toEqual(before);

  await home.ok(["down", "hello", "--yes"]);
  expect(startedBy(home.path)).toEqual([]);
  expect(leftBehind(home.path)).toEqual([]);
  await home.ok(["stop"]);
  expect(home.registration()).toBeUndefined();
});
