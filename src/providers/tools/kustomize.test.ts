/** What becomes of a tree of Kustomize that is one Resource. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it as always } from "vitest";
import { ToolHouse } from "./fixtures/tool-house.ts";

// No package of Debian has it, so not every machine that runs the tests can: needs kubectl on the PATH.
const it = always.skipIf(spawnSync("kubectl", ["kustomize", "--help"]).status !== 0);

let house: ToolHouse;
beforeEach(() => {
  house = new ToolHouse(mkdtempSync(join(tmpdir(), "tutti-kustomize-")), "kustomize");
  for (const name of ["base", "production"]) mkdirSync(join(house.folder, name));
  write("production/kustomization.yaml", "namePrefix: prod-\nresources: [../base]\n");
  write("base/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { size: small }\n");
  write(
    "base/kustomization.yaml",
    "resources: [app.yaml]\ngeneratorOptions: { disableNameSuffixHash: true }\nsecretGenerator:\n  - { name: key, literals: [token=hunter2] }\n",
  );
});
afterEach(() => rmSync(house.folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  writeFileSync(join(house.folder, name), text);
}

it("is planned and rendered to objects by kind and name, with Secrets sealed", async () => {
  const declared = { source: "production" };
  expect(await house.obstacles(declared)).toEqual([]);
  expect(await house.plan(declared)).toEqual({
    changes: [
      { path: 'status.output["ConfigMap/prod-app"]', after: "rendered" },
      { path: 'status.output["Secret/prod-key"]', after: "rendered" },
    ],
  });
  await house.ensure(declared);
  const digests = [await house.pin(declared), await house.pin({ ...declared, include: ["base"] })];
  expect(house.output).toMatchObject({
    "ConfigMap/prod-app": { data: { size: "small" } },
    "Secret/prod-key": { data: { token: Buffer.from("hunter2").toString("base64") } },
  });
  expect(JSON.stringify(house.status)).not.toContain(Buffer.from("hunter2").toString("base64"));
  write("base/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { size: large }\n");
  // What stands beside the tree counts where it is named.
  expect(await house.pin(declared)).toBe(digests[0]);
  expect(await house.pin({ ...declared, include: ["base"] })).not.toBe(digests[1]);
  expect(await house.plan(declared)).toEqual({
    changes: [
      { path: 'status.output["ConfigMap/prod-app"]', before: "rendered", after: "rendered otherwise" },
    ],
  });
});

it("that cannot be rendered is refused in its own words", async () => {
  write("production/kustomization.yaml", "resources: [../nothing]\n");
  await expect(house.plan({ source: "production" })).rejects.toMatchObject({
    diagnostic: { code: "KustomizeFailed", message: expect.stringContaining("nothing") as string },
  });
});
