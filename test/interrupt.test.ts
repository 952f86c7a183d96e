import { expect, test } from "vitest";
import { isReady } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

const DATABASE = "kind: System\nmetadata: { name: data }\n---\nkind: Database\nmetadata: { name: ledger }\n";

test("Ctrl-C during up ends with 130, says how to go on, and what was begun is brought to its end", async () => {
  const home = openHome();
  const up = home.start(["up", home.declare(web({ replicas: 2 }))]);
  await until("the commit", async () => (await home.get("Service/api").catch(() => undefined)) !== undefined);
  up.child.kill("SIGINT");
  const outcome = await up.done;
  // It may have been ready before the signal came.
  if (outcome.code !== 0) {
    expect(outcome).toMatchObject({ code: 130 });
    expect(outcome.stderr).toMatch(/tutti status web/);
  }
  await home.settled("api", 2);
  const system = await until("readiness", async () => {
    const found = await home.get("System/web");
    return found !== undefined && isReady(found) ? found : undefined;
  });
  expect(system.status?.["revision"]).toBe(1);
  expect((await home.tutti(["up", home.declare(web({ replicas: 2 }))])).stderr).toContain("Nothing to do");
});

test("Ctrl-C before anything is committed leaves nothing declared", async () => {
  const home = openHome();
  const up = home.start(["up", home.declare(web())]);
  up.child.kill("SIGINT");
  const { code, signal } = await up.done;
  expect(code ?? signal).not.toBe(0);
  if (home.registration() !== undefined) expect(await home.list("Service")).toEqual([]);
});

test("a plan that destroys is refused with 3 where nobody can be asked, and done with --yes", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(DATABASE)]);
  const without = home.declare("kind: System\nmetadata: { name: data }\n");
  const refused = await home.tutti(["up", without]);
  expect(refused).toMatchObject({ code: 3, stdout: "" });
  expect(refused.stderr).toContain("--yes");
  expect(refused.stderr).toContain("database/ledger");
  expect(await home.get("Database/ledger")).toBeDefined();
  expect(await home.tutti(["down", "data"])).toMatchObject({ code: 3 });
  await home.ok(["up", without, "--yes"]);
  expect(await home.get("Database/ledger")).toBeUndefined();
});

test("a reader that stops reading ends the command quietly", async () => {
  const home = openHome();
  await home.serve();
  for (const args of [["schema"], ["get", "namespaces", "-o", "yaml"], ["--help"], ["completion", "bash"]]) {
    const running = home.start(args);
    running.child.stdout?.destroy();
    const { signal, stderr } = await running.done;
    expect({ args, signal, stderr }).toEqual({ args, signal: null, stderr: "" });
  }
});

test("a plan whose base has moved is refused, and nothing of it is applied", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web({ replicas: 1 }))]);
  const client = home.client();
  const declared = (version: string): { readonly resources: unknown[]; readonly action: "apply" } => ({
    action: "apply",
    resources: web({ replicas: 1, env: { VERSION: version } })
      .split("\n---\n")
      .map((text): unknown => JSON.parse(text)),
  });
  const stale = await client.plan("web", declared("two"));
  await home.ok(["up", home.declare(web({ replicas: 1, env: { VERSION: "three" } }))]);
  await expect(client.apply("web", { ...declared("two"), hash: stale.hash })).rejects.toMatchObject({
    code: 409,
    message: expect.stringMatching(/base has moved/) as string,
  });
  expect((await home.get("Service/api"))?.spec?.["env"]).toEqual({ VERSION: "three" });
});
