/** The conformance command: what it takes, what it prints, how it ends. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "tutti-conformance-"));
const COMMAND = join(import.meta.dirname, "conformance.ts");

function run(name: string, path: string): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, name, path], { encoding: "utf8" });
  return { code: status, said: stdout + stderr };
}

const execution = {
  id: "one",
  kind: "execution",
  definition: { StartAt: "A", States: { A: { Type: "Pass", Result: 1, End: true } } },
  expected_status: "SUCCEEDED",
  expected_output: 1,
};

const good: Readonly<Record<string, readonly [file: string, text: string]>> = {
  "states-language": ["mine.jsonl", `${JSON.stringify(execution)}\n`],
  "states-language-lint": [
    "lint-mine.jsonl",
    `${JSON.stringify({ id: "l", definition_text: JSON.stringify(execution.definition), expected_problems: 0, messages: [] })}\n`,
  ],
  jsonpath: [
    "paths.json",
    JSON.stringify({ tests: [{ name: "root", selector: "$", document: 1, result: [1] }] }),
  ],
  rrule: [
    "rules.json",
    JSON.stringify([
      {
        comment: "daily",
        rrule: "FREQ=DAILY;COUNT=2",
        dtstart: "20260101T000000",
        instances: ["20260101T000000", "20260102T000000"],
      },
    ]),
  ],
  promql: ["mine.test", "eval instant at 0 1 + 1\n  2\n"],
  "prometheus-rules": ["mine.yml", "groups: [{ name: g, rules: [{ record: a, expr: b }] }]\n"],
  openmetrics: ["test.json", JSON.stringify({ type: "openmetrics", file: "metrics", shouldParse: true })],
};

beforeAll(() => {
  for (const [file, text] of Object.values(good)) writeFileSync(join(folder, file), text);
  writeFileSync(join(folder, "metrics"), "# EOF\n");
  writeFileSync(join(folder, "wrong.txt"), "This is no corpus.\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(Object.entries(good))("%s runs any file of its format", (name, [file]) => {
  expect(run(name, join(folder, file))).toMatchObject({
    code: 0,
    said: expect.stringMatching(/\n1 passed, 0 failed\n$/) as string,
  });
});

test("a case that fails is told, and the command ends with 1", () => {
  const file = join(folder, "failing.jsonl");
  writeFileSync(file, `${JSON.stringify({ ...execution, expected_output: 2 })}\n`);
  const { code, said } = run("states-language", file);
  expect(code).toBe(1);
  expect(said).toContain("one: output 1, not 2");
  expect(said).toContain("0 passed, 1 failed");
});

test.each(Object.keys(good))(
  "%s says what is wrong with a file of another format, and ends with 2",
  (name) => {
    const { code, said } = run(name, join(folder, "wrong.txt"));
    expect(code).toBe(2);
    expect(said).toContain("wrong.txt");
    expect(said).not.toContain("    at ");
  },
);

test("a path or name that is not there is told, and the command ends with 2", () => {
  expect(run("jsonpath", join(folder, "nowhere"))).toMatchObject({ code: 2 });
  expect(run("nothing", folder)).toMatchObject({
    code: 2,
    said: expect.stringContaining("Names: ") as string,
  });
});
