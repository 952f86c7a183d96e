/**
 * Runs the corpus of Argo Workflows where it is: in `argo/` of the folder that TUTTI_CORPORA names, beside the repository otherwise. It
 * is no part of the repository.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "./argo.ts";
import { runOf } from "./argo/world.ts";

const corpora = process.env["TUTTI_CORPORA"] ?? join(import.meta.dirname, "../../../shared/corpora");
const corpus = join(corpora, "argo");

describe.skipIf(!existsSync(corpus))(`the corpus (skipped where there is no ${corpus})`, () => {
  test("every local case ends in its phase", async () => {
    const problems: string[] = [];
    let passed = 0;
    for await (const suite of run(corpus)) {
      passed += suite.passed;
      problems.push(...suite.problems);
    }
    expect(problems).toEqual([]);
    expect(passed).toBeGreaterThan(100);
  }, 240_000);
});

test("cases that name the same lock do not meet", () => {
  expect(runOf({ id: "a::B[0]" })).toBe("a-b-0-/run");
});

test("what is no corpus is refused, with its line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "argo-corpus-"));
  const file = join(folder, "mine.jsonl");
  const first = async (): Promise<unknown> => (await run(file)[Symbol.asyncIterator]().next()).value;
  try {
    writeFileSync(file, '\n{"id":"a","local":true,"workflow":{}}\n');
    await expect(first()).rejects.toThrow(/mine.jsonl:2' cannot be read as this corpus: at 'workflow.spec'/);
    writeFileSync(file, "");
    await expect(first()).rejects.toThrow("there is no case in it");
    await expect(run(folder)[Symbol.asyncIterator]().next()).rejects.toThrow("no file 'cases.jsonl'");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
