import { expect, test } from "vitest";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

test("a run that waits for a long time keeps no control plane from stopping, and goes on with the next", async () => {
  const home = openHome();
  const declared = home.declare(`
kind: Workflow
metadata: { name: patient }
spec:
  timeout: 30d
  steps:
    pause: { type: wait, duration: 20d }
    told: { type: wait, signal: go }
`);
  await home.ok(["up", declared, "--yes"]);
  await home.ok(["run", "patient", "--name", "one"]);
  const shown = (pattern: RegExp): Promise<string> =>
    until(`the run shows ${pattern.source}`, async () => {
      const text = await home.ok(["runs", "show", "one"]);
      return pattern.test(text) ? text : undefined;
    });
  await shown(/told .*the signal 'go'/);

  const stopped = await home.tutti(["stop"]);
  expect(stopped).toMatchObject({ code: 0 });
  expect(home.registration()).toBeUndefined();

  await home.ok(["up", declared, "--yes"]);
  await home.ok(["signal", "one", "go", "now"]);
  expect(await shown(/✓ told/)).toMatch(/… pause/);
  await home.ok(["cancel", "one"]);
}, 120_000);
