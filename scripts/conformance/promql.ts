/** Runs scripts of Prometheus' own tests of PromQL: one, a folder of them, or one that holds them in `testdata/`. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseQuery } from "../../src/metrics/promql/parse.ts";
import { MemorySeries } from "../../src/metrics/promql/fixtures/memory-series.ts";
import type { Suite } from "../conformance.ts";
import { NotACorpus, isFolder } from "./corpus/read.ts";
import { evaluationProblem } from "./promql/evaluate.ts";
import { load } from "./promql/load.ts";
import { type Command, type Evaluation, parseScript } from "./promql/script.ts";

export interface ScriptSuite extends Suite {
  /** Evaluations that need an experimental feature of the language or the store. */
  readonly experimental: { readonly passed: number; readonly failed: number };
}

export async function* run(folder: string): AsyncGenerator<ScriptSuite> {
  const paths = isFolder(folder) ? scripts(folder) : [folder];
  if (!isFolder(folder) && !folder.endsWith(".test")) commands(readFileSync(folder, "utf8"), refuse(folder));
  if (paths.length === 0) throw new NotACorpus(folder, "there is no script '*.test' in it.");
  for (const path of paths) yield runScript(basename(path), readFileSync(path, "utf8"));
}

/** A file of another name is a script if it can be read as one. */
function refuse(path: string): (problem: string) => void {
  return (problem) => {
    throw new NotACorpus(path, problem);
  };
}

function scripts(folder: string): string[] {
  const inside = (parent: string) =>
    readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".test"))
      .map((entry) => join(parent, entry.name))
      .sort();
  const here = inside(folder);
  const nested = readdirSync(folder, { withFileTypes: true }).find(
    (entry) => entry.isDirectory() && entry.name === "testdata",
  );
  return nested === undefined ? here : [...here, ...inside(join(folder, nested.name))];
}

/** An evaluation is a case; a script that cannot be read, or data that cannot be loaded, is a failed one. */
export function runScript(name: string, text: string): ScriptSuite {
  const all = { passed: 0, failed: 0 };
  const experimental = { passed: 0, failed: 0 };
  const problems: string[] = [];
  const reader = new MemorySeries();
  let startTimes = false;
  for (const command of commands(text, (problem) => problems.push(`${name}: ${problem}`))) {
    startTimes = command.kind !== "clear" && (startTimes || loadsStartTimes(command));
    const problem = perform(reader, command);
    const tallies =
      command.kind !== "eval" ? [] : needsExperimental(command, startTimes) ? [all, experimental] : [all];
    for (const tally of tallies) tally[problem === undefined ? "passed" : "failed"]++;
    if (problem !== undefined) problems.push(`${name}:${command.line}: ${titleOf(command)}: ${problem}`);
  }
  const note = experimental.failed > 0 ? ` (${experimental.failed} of the failed are experimental)` : "";
  return { suite: name + note, passed: all.passed, failed: problems.length, problems, experimental };
}

function commands(text: string, fail: (problem: string) => void): readonly Command[] {
  try {
    return parseScript(text);
  } catch (error) {
    fail((error as Error).message);
    return [];
  }
}

function perform(reader: MemorySeries, command: Command): string | undefined {
  try {
    if (command.kind === "eval") return evaluationProblem(reader, command);
    if (command.kind === "clear") reader.clear();
    else load(reader, command);
    return undefined;
  } catch (error) {
    return (error as Error).stack ?? String(error);
  }
}

/** Start times of counters are an experimental feature of the store. */
function loadsStartTimes(command: Command): boolean {
  return command.kind === "load" && command.series.some(({ starts }) => starts !== undefined);
}

function titleOf(command: Command): string {
  return command.kind === "eval" ? command.query : command.kind;
}

/** Whether the parser knows the query only with experimental features. Texts that are no query at all count as stable. */
function needsExperimental({ query }: Evaluation, startTimes: boolean): boolean {
  const parses = (experimental: boolean) => {
    try {
      parseQuery(query, { experimental });
      return true;
    } catch {
      return false;
    }
  };
  return startTimes || (!parses(false) && parses(true));
}
