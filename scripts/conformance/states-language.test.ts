/**
 * Runs the corpora of the States Language where they are: in `states-language/` of the folder that TUTTI_CORPORA names, beside the
 * repository otherwise. They are no part of the repository.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Conformance } from "../conformance.ts";
import * as jsonpath from "./jsonpath.ts";
import * as lint from "./states-language-lint.ts";
import * as pure from "./states-language-pure.ts";
import * as cases from "./states-language.ts";
import { isConcurrent, readCases, smallest, subjectsOf } from "./states-language/cases.ts";
import { isSame } from "./states-language/compare.ts";
import { problemsOfKills, problemsOfOrders } from "./states-language/disturbed.ts";

const corpora = process.env["TUTTI_CORPORA"] ?? join(import.meta.dirname, "../../../shared/corpora");
const corpus = join(corpora, "states-language");

async function figures({ run }: Conformance): Promise<{ passed: number; problems: string[] }> {
  const problems: string[] = [];
  let passed = 0;
  for await (const suite of run(corpus)) {
    passed += suite.passed;
    problems.push(...suite.problems);
  }
  return { passed, problems };
}

describe.skipIf(!existsSync(corpus))(`the corpora (skipped where there is no ${corpus})`, () => {
  test("executions, single states and rejected definitions are as recorded, traces included", async () => {
    const { passed, problems } = await figures(cases);
    expect(problems).toEqual([]);
    expect(passed).toBeGreaterThan(1_000);
  }, 120_000);

  test("the smallest with tasks or waits end alike wherever they are killed", async () => {
    const subjects = smallest(subjectsOf(readCases(corpus)), 60);
    for (const subject of subjects) expect((await problemsOfKills(subject)).problems, subject.id).toEqual([]);
  });

  test("those with Map and Parallel states end alike in whatever order their tasks answer", async () => {
    const concurrent = subjectsOf(readCases(corpus)).filter(isConcurrent);
    expect(concurrent.length).toBeGreaterThan(100);
    for (const subject of concurrent) expect(await problemsOfOrders(subject, 4), subject.id).toEqual([]);
  }, 120_000);

  test("the interpreter alone ends as it does on the engine", async () => {
    expect((await figures(pure)).problems).toEqual([]);
  });

  test("a validator finds what is wrong, and nothing in what is right", async () => {
    expect(await figures(lint)).toEqual({ passed: 54, problems: [] });
  });

  test("JSONPath is that of RFC 9535", async () => {
    expect(await figures(jsonpath)).toEqual({ passed: 703, problems: [] });
  });
});

test("a recorded value is compared as JSON, its redactions are wildcards, and causes are never compared", () => {
  const recorded = { redactions: ["role"], skip_paths: ["$..Skipped"] };
  expect(isSame('{"a": [1, "<uuid:1>"]}', { a: [1 + 1e-12, "anything"] }, recorded)).toBe(true);
  expect(isSame({ a: "role", Cause: "x", Skipped: 1 }, { a: "b", Cause: "y" }, recorded)).toBe(true);
  expect(isSame({ a: 1 }, { a: 1, b: 2 }, recorded)).toBe(false);
  expect(isSame([1], [1, 2], recorded)).toBe(false);
});
