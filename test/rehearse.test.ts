/** What would happen, played with the real command line: from nothing, from a running system, with assumptions of every sort. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Rehearsal } from "../src/cli/rehearsal.ts";
import { ROOT, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";

const SHOP = `
kind: Database
metadata: { name: orders }
---
kind: Service
metadata: { name: api }
spec: { command: node api.js, replicas: 3, ports: [], env: { URL: "\${database.orders.status.url}" } }
---
kind: Service
metadata: { name: web }
spec: { command: node web.js, ports: [], dependsOn: [service/api] }
`;

async function rehearsed(
  home: TestHome,
  ...words: readonly string[]
): Promise<{ readonly code: number | null; readonly rehearsal: Rehearsal }> {
  const { code, stdout, stderr } = await home.tutti(["rehearse", ...words, "-o", "json"]);
  expect(stdout, stderr).not.toBe("");
  return { code, rehearsal: JSON.parse(stdout) as Rehearsal };
}

const lines = ({ timeline }: Rehearsal): readonly string[] =>
  timeline.map(({ at, address, text }) => `${at} ${address} ${text}`);

test("a rehearsal tells when each begins and is ready, and the way that takes longest; twice the same bytes", async () => {
  const home = openHome();
  const folder = home.declare(SHOP);
  const words = ["rehearse", folder, "--latency", "database=4s", "--latency", "service=1s..2s", "-o", "json"];
  const first = await home.ok(words);
  expect(await home.ok(words)).toBe(first);
  const rehearsal = JSON.parse(first) as Rehearsal;
  expect(lines(rehearsal)).toEqual(
    expect.arrayContaining(["0 database/orders begins (create)", "4000 database/orders ready"]),
  );
  expect(rehearsal.outcome).toBe("done");
  expect(rehearsal.criticalPath.map(({ address }) => address)).toEqual([
    "database/orders",
    "service/api",
    "service/web",
  ]);
  expect(rehearsal.assumed).toContain("database: 4s");
  expect(await home.ok(["rehearse", folder])).toMatch(/Comes to its end after .*s\.\n/);
});

test("where it would stop is said with what that holds up, and in the exit code", async () => {
  const home = openHome();
  const folder = home.declare(SHOP);
  const failing = await rehearsed(home, folder, "--fail", "database/orders");
  expect(failing).toMatchObject({
    code: 11,
    rehearsal: { stops: [{ address: "database/orders", holdsUp: ["service/api", "service/web"] }] },
  });
  const short = await rehearsed(home, folder, "--quota", "instances=2");
  expect(short.code).toBe(11);
  expect(short.rehearsal.stops[0]).toMatchObject({
    address: "service/api",
    why: expect.stringContaining("0 of 2 are left") as string,
    holdsUp: ["service/web"],
  });
  const text = await home.tutti(["rehearse", folder, "--hang", "database/orders"]);
  expect(text).toMatchObject({
    code: 11,
    stdout: expect.stringContaining(
      "would stop at +0s: database/orders: Its provider never answers.\n    service/api, service/web wait for it",
    ) as string,
  });
});

test("a control plane that is killed on the way is survived", async () => {
  const home = openHome();
  const { code, rehearsal } = await rehearsed(home, home.declare(SHOP), "--crash-at", "1s,4s");
  expect(code).toBe(0);
  expect(lines(rehearsal)).toEqual(
    expect.arrayContaining(["1000 control plane is killed", "3000 control plane runs again"]),
  );
});

test("what is there already is where it begins, while a control plane runs; and nothing is changed", async () => {
  const home = openHome();
  const declared = (v: number) =>
    `kind: Resource\nmetadata: { name: a }\nspec: { config: { v: ${v} } }\n---\nkind: Resource\nmetadata: { name: b }\nspec: { config: { v: 1 } }\n`;
  await home.ok(["up", home.declare(declared(1))]);
  const folder = home.declare(declared(2));
  const { code, rehearsal } = await rehearsed(home, folder);
  expect(code).toBe(0);
  expect(rehearsal.summary).toMatchObject({ update: 1, create: 0 });
  expect(lines(rehearsal)).toContain("0 resource/a ready");
  expect(lines(rehearsal).join("\n")).not.toContain("resource/b");
  expect(await home.get("Resource/a")).toMatchObject({ spec: { config: { v: 1 } } });
  const fresh = await rehearsed(home, folder, "--empty");
  expect(fresh.rehearsal.summary).toMatchObject({ create: 3 });
});

test("who has to approve is waited for, and what would be taken back is said", async () => {
  const home = openHome();
  const policy = (changes: string) =>
    `kind: System\nmetadata: { name: shop }\nspec: { changes: ${changes} }\n---${SHOP}`;
  const folder = home.declare(policy("{ approval: {} }"));
  const waited = await rehearsed(home, folder, "--approve-after", "10m");
  expect(waited.code).toBe(0);
  expect(lines(waited.rehearsal)).toContain("600000 database/orders begins (create)");
  expect(await rehearsed(home, folder, "--approve-after", "never")).toMatchObject({ code: 11 });
  const back = await rehearsed(
    home,
    home.declare(policy("{ onFailure: rollBack }")),
    "--fail",
    "service/api",
  );
  expect(back).toMatchObject({
    code: 11,
    rehearsal: { undone: expect.arrayContaining(["database/orders"]) as string[] },
  });
});

test("assumptions come from a file beside the declaration; what is wrong in it is said with its line", async () => {
  const home = openHome();
  const folder = home.declare(SHOP);
  const guide = readFileSync(join(ROOT, "docs/guides/rehearse.md"), "utf8");
  const example = /^```yaml assumptions\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? "";
  const file = join(folder, "rehearsal.yaml");
  writeFileSync(file, example);
  const { code, rehearsal } = await rehearsed(home, folder);
  expect(code).toBe(0);
  expect(rehearsal).toMatchObject({ seed: 7 });
  expect(rehearsal.warnings.map(({ message }) => message).join()).toContain("loadBalancer/other");
  expect(await home.ok(["plan", folder])).toContain("database/orders");
  writeFileSync(
    file,
    "seed: 1\nlatencys: { database: 20s }\nfail:\n  - { address: service/api, times: often }\n",
  );
  const refused = await home.tutti(["rehearse", folder]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("rehearsal.yaml:2");
  expect(refused.stderr).toContain("Did you mean 'latencies'?");
  expect(refused.stderr).toContain("rehearsal.yaml:4");
});
