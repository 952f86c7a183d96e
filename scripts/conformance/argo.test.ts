/**
 * Runs the corpus of Argo Workflows where it is: in `argo/` of the folder that TUTTI_CORPORA names, beside the repository otherwise. It
 * is no part of the repository.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "./argo.ts";
import { poolsOf, runOf } from "./argo/world.ts";
import type { Case } from "./argo/cases.ts";

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
  const one = {
    id: "a::B[0]",
    workflow: { spec: { synchronization: { mutexes: [{ name: "m" }] } } },
  } as unknown as Case;
  expect(runOf(one)).toBe("a-b-0-/run");
  expect(poolsOf(one)).toEqual([["argo/mutex/a-b-0-/m", 1]]);
});
