/**
 * Rule files and rule tests in the form of Prometheus' own repository.
 *
 * What a file is, its content says: `groups` make it a rule file, `tests` a file of rule tests; others are
 * configurations and targets, and not of concern here. What is expected of it, its name says: `*.bad.*`, `bad-*`,
 * `invalid*`, `failing*` and such are to be refused or to fail. Of rule files that tests of a `bad` name use, the tests are what fails.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { formatDiagnostic } from "../../src/diagnostics/diagnostic.ts";
import { type LoadOptions, loadRules } from "../../src/metrics/rules/load.ts";
import { ruleFilesBeside } from "../../src/metrics/rules/test-disk.ts";
import { runRuleTests } from "../../src/metrics/rules/test-run.ts";
import type { Suite } from "../conformance.ts";
import { NotACorpus, isFolder } from "./corpus/read.ts";

export async function* run(path: string): AsyncIterable<Suite> {
  const folder = isFolder(path) ? path : dirname(path);
  const files = isFolder(path) ? globSync("**/*.{yml,yaml}", { cwd: path }).sort() : [basename(path)];
  if (files.length === 0) throw new NotACorpus(path, "there is no file '*.yml' or '*.yaml' in it.");
  for (const file of files) {
    const text = readFileSync(join(folder, file), "utf8");
    const fields = topLevel(text);
    if (fields.includes("tests")) yield ruleTests(file, join(folder, file), text);
    else if (fields.includes("groups")) yield ruleFile(file, text);
    else if (!isFolder(path)) throw new NotACorpus(path, "it has neither 'groups' nor 'tests'.");
  }
}

function topLevel(text: string): readonly string[] {
  // Only names are looked at; whether the file is right is for the loader to say.
  return [...text.matchAll(/^["']?([A-Za-z_]+)["']?\s*:/gm)].map(([, name = ""]) => name);
}

const BAD = /\.bad\.|(?:^|[-_.])(?:bad|invalid|failing)(?:[-_.]|$)/;

/** Rule files that load, and fail only when they are evaluated, say so. */
function isRefused(file: string): boolean {
  return BAD.test(basename(file)) && !basename(file).includes("rules-error");
}

function ruleFile(file: string, text: string): Suite {
  const names = file.includes("legacy") ? "legacy" : "utf8";
  const options: LoadOptions = { names, experimental: true };
  const problems: string[] = [];
  const expect = (refused: boolean, given: LoadOptions, how = ""): void => {
    const errors = loadRules(text, file, given).diagnostics.filter(({ severity }) => severity === "error");
    if (refused && errors.length === 0) problems.push(`${file} was taken${how}.`);
    if (!refused && errors.length > 0)
      problems.push(`${file} was refused${how}: ${errors.map(formatDiagnostic).join(" ")}`);
  };
  const hasExtraFields = file.includes("extrafields");
  expect(isRefused(file) || hasExtraFields, options);
  if (hasExtraFields) expect(false, { ...options, ignoresUnknownFields: true }, " without its extra fields");
  return suite(file, hasExtraFields ? 2 : 1, problems);
}

/** Each test by itself; of a file whose name says that it is bad, only that it does not pass. */
function ruleTests(file: string, path: string, text: string): Suite {
  const ignoresUnknownFields = file.includes("extrafields");
  const options = { experimental: true, ignoresUnknownFields, ruleFiles: ruleFilesBeside };
  const results = runRuleTests([{ file: path, text }], options);
  if (BAD.test(basename(file))) {
    const hasPassed = results.every(({ passed }) => passed);
    return suite(file, 1, hasPassed ? [`${file} passed.`] : []);
  }
  const problems = results.flatMap(({ name, passed, problems: found }) => {
    const fails = /\b(?:wrong|failing|fails)\b/i.test(name.slice(path.length)) || file.includes("no_fuzzy");
    if (passed !== fails) return [];
    return passed ? [`${name} passed.`] : [`${name} failed: ${found.join("\n")}`];
  });
  return suite(file, results.length, problems);
}

function suite(name: string, cases: number, problems: readonly string[]): Suite {
  return { suite: name, passed: cases - problems.length, failed: problems.length, problems };
}
