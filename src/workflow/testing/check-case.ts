/** What a run of a case is against what the case expects. */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { formatDuration, parseDuration } from "../../model/duration.ts";
import { equal } from "../../model/equality.ts";
import type { Dialect } from "../engine/program.ts";
import type { Expectation, ExpectedStep, TestCase } from "./case.ts";
import { type TestedRun, testWorkflow } from "./test-workflow.ts";

export interface Mismatch {
  /** What was looked at: `output.parcel`, `steps.charge.attempts`. */
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface CaseResult {
  readonly name: string;
  readonly mismatches: readonly Mismatch[];
  /** Why there was no run, or why it could not go on. */
  readonly refusal?: DiagnosticError;
  readonly run?: TestedRun;
}

/** `workflow`: what the case's `workflow` is, read. */
export async function runCase(
  { name, options, expect }: TestCase,
  workflow: unknown,
  dialects: readonly Dialect[],
): Promise<CaseResult> {
  try {
    const run = await testWorkflow(workflow, { ...options, dialects });
    const refused = expect.refused === undefined ? [] : [notRefused(expect.refused, run)];
    return { name, run, mismatches: [...refused, ...mismatchesOf(run, expect)] };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const isExpected = error.diagnostics.some(({ code }) => code === expect.refused);
    return { name, mismatches: [], ...(isExpected ? {} : { refusal: error }) };
  }
}

function notRefused(code: string, run: TestedRun): Mismatch {
  return { what: "refused", expected: code, actual: `not refused: the run ${run.phase}` };
}

/** Everything that differs. */
export function mismatchesOf(run: TestedRun, expect: Expectation): readonly Mismatch[] {
  const { phase, failure, steps = {}, order, duration } = expect;
  return [
    ...(phase === undefined ? [] : compared("phase", phase, run.phase)),
    ...("output" in expect ? compared("output", expect.output, run.output) : []),
    ...(failure === undefined ? [] : chosen("failure", failure, { ...run.failure, step: run.failedStep })),
    ...Object.entries(steps).flatMap(([path, step]) => stepMismatches(path, step, run)),
    ...(order === undefined ? [] : orderMismatch(order, run.order)),
    ...(duration === undefined ? [] : durationMismatch(duration, run.duration)),
  ];
}

function stepMismatches(path: string, expected: ExpectedStep, run: TestedRun): readonly Mismatch[] {
  const what = `steps.${path}`;
  const step = run.steps[path];
  if (typeof expected === "string") return compared(what, expected, step?.phase ?? "not run");
  if (step === undefined) return compared(what, expected, "not run");
  return chosen(what, expected, { ...step, error: step.failure?.error });
}

/** Only what is expected is looked at. */
function chosen(what: string, expected: object, actual: object): readonly Mismatch[] {
  return Object.entries(expected).flatMap(([name, value]) =>
    compared(`${what}.${name}`, value, (actual as Readonly<Record<string, unknown>>)[name]),
  );
}

/** The innermost that differs. */
function compared(what: string, expected: unknown, actual: unknown): readonly Mismatch[] {
  if (equal(expected, actual)) return [];
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual))
    return [{ what, expected, actual }];
  const isList = Array.isArray(expected);
  return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((name) =>
    compared(isList ? `${what}[${name}]` : `${what}.${name}`, expected[name], actual[name]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function orderMismatch(expected: readonly string[], actual: readonly string[]): readonly Mismatch[] {
  let at = 0;
  for (const path of actual) if (path === expected[at]) at++;
  return at === expected.length ? [] : [{ what: "order", expected, actual }];
}

/** `1h5m` exactly, `<= 2h`, `>= 1m`. */
function durationMismatch(text: string, actual: number): readonly Mismatch[] {
  const [, sign = "", limit = ""] = /^\s*(<=|>=)?\s*(.*)$/.exec(text) ?? [];
  const wanted = parseDuration(limit);
  const isRight = sign === "<=" ? actual <= wanted : sign === ">=" ? actual >= wanted : actual === wanted;
  return isRight ? [] : [{ what: "duration", expected: text, actual: exactly(actual) }];
}

/** As `formatDuration`, but with nothing left out. */
function exactly(duration: number): string {
  const rest = duration % 1000;
  let text = rest === 0 ? "" : `${rest}ms`;
  let seconds = Math.floor(duration / 1000);
  for (const [unit, size] of [
    ["s", 60],
    ["m", 60],
    ["h", 24],
    ["d", Infinity],
  ] as const) {
    const count = size === Infinity ? seconds : seconds % size;
    if (count > 0) text = `${count}${unit}${text}`;
    seconds = size === Infinity ? 0 : Math.floor(seconds / size);
  }
  return text === "" ? formatDuration(0) : text;
}
