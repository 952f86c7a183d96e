import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "./prometheus-rules.ts";

/** What is said of files of such names and contents. */
async function verdicts(files: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "tutti-rules-"));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const found: Record<string, string> = {};
    for await (const { suite, passed, failed } of run(folder))
      found[suite] = `${passed} passed, ${failed} failed`;
    return found;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const GOOD = "groups:\n- name: g\n  rules: [{record: a, expr: vector(1)}]\n";
const BAD = "groups:\n- name: g\n  rules: [{record: a, expr: sum(}]\n";

it("good rule files must load and bad ones be refused, by their names", async () => {
  expect(
    await verdicts({
      "a.good.yaml": GOOD,
      "b.bad.yaml": BAD,
      "c.yaml": BAD,
      "d.bad.yaml": GOOD,
      "rules-bad.yml": BAD,
      "bad-rules-error.yml": GOOD,
    }),
  ).toEqual({
    "a.good.yaml": "1 passed, 0 failed",
    "b.bad.yaml": "1 passed, 0 failed",
    "c.yaml": "0 passed, 1 failed",
    "d.bad.yaml": "0 passed, 1 failed",
    "rules-bad.yml": "1 passed, 0 failed",
    "bad-rules-error.yml": "1 passed, 0 failed",
  });
});

it("rule tests must pass, or fail where the name of the file or of the test says so", async () => {
  const test = (name: string, value: number) =>
    `rule_files: [rules.yml]\ntests:\n- name: ${name}\n  promql_expr_test: [{expr: a, eval_time: 0, exp_samples: [{labels: a, value: ${value}}]}]\n`;
  expect(
    await verdicts({
      "rules.yml": GOOD,
      "right.yml": test("correct", 1),
      "unexpected.yml": test("correct", 2),
      "wrong.yml": test("wrong test", 2),
      "failing.yml": test("correct", 2),
      "failing-passes.yml": test("correct", 1),
    }),
  ).toEqual({
    "rules.yml": "1 passed, 0 failed",
    "right.yml": "1 passed, 0 failed",
    "unexpected.yml": "0 passed, 1 failed",
    "wrong.yml": "1 passed, 0 failed",
    "failing.yml": "1 passed, 0 failed",
    "failing-passes.yml": "0 passed, 1 failed",
  });
});

it("other files of a folder are of no concern", async () => {
  expect(
    await verdicts({ "prometheus.yml": "scrape_configs: []\n", "targets.yml": "- targets: [a]\n" }),
  ).toEqual({});
});
