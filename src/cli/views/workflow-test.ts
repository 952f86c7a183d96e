/**
 * Cases of a workflow's test file, as a test runner shows them.
 *
 *     ✓ A busy bank is asked again  1h12s, 3 steps, 23 crashes
 *     ✗ A declined payment is undone
 *         phase                  expected "failed"
 *                                but got  "succeeded"
 *         ran  reserve, charge, ship
 */
import type { CaseResult, Mismatch } from "../../workflow/testing/check-case.ts";
import type { TestedRun } from "../../workflow/testing/test-workflow.ts";
import { formatDuration } from "../../model/duration.ts";
import { type Style, counted, fitted, harmless, padded, width } from "./style.ts";
import { tableText } from "./table.ts";

export function isPassed({ mismatches, refusal }: CaseResult): boolean {
  return mismatches.length === 0 && refusal === undefined;
}

export function caseView(
  result: CaseResult,
  { style, trace }: { readonly style: Style; readonly trace: boolean },
): string {
  const { name, run, refusal, mismatches } = result;
  const passed = isPassed(result);
  const head = passed
    ? `  ${style.green("✓")} ${harmless(name)}${run === undefined ? "" : `  ${style.dim(factsOf(run))}`}`
    : `  ${style.red("✗")} ${harmless(name)}`;
  const problems = refusal?.diagnostics.flatMap((one) => [
    `${style.red(one.code)}: ${harmless(one.message)}`,
    ...(one.hint === undefined ? [] : [`${style.cyan("→")} ${harmless(one.hint)}`]),
  ]);
  const body = [
    ...(problems ?? []),
    ...mismatchLines(mismatches, style),
    ...(passed || run === undefined ? [] : endLines(run, style)),
    ...(trace && run !== undefined ? traceView(run).split("\n") : []),
  ];
  return [head, ...body.map((line) => `      ${line}`)].join("\n");
}

function factsOf(run: TestedRun): string {
  const facts = [
    formatDuration(run.duration),
    counted(run.order.length, "step"),
    ...(run.crashes === 0 ? [] : [counted(run.crashes, "crash", "crashes")]),
    ...(run.unused.length === 0 ? [] : [`not needed: ${run.unused.map(harmless).join(", ")}`]),
  ];
  return facts.join(", ");
}

const LONGEST = 400;

function mismatchLines(mismatches: readonly Mismatch[], style: Style): readonly string[] {
  const column = Math.min(40, Math.max(0, ...mismatches.map(({ what }) => width(what)))) + 2;
  return mismatches.flatMap(({ what, expected, actual }) => [
    `${padded(harmless(what), column)}expected ${style.green(textOf(expected))}`,
    `${" ".repeat(column)}but got  ${style.red(textOf(actual))}`,
  ]);
}

/** How the run went: what a person asks next. */
function endLines(run: TestedRun, style: Style): readonly string[] {
  const { failure, order, waiting } = run;
  return [
    ...(failure === undefined
      ? []
      : [style.dim(`failed  ${harmless(`${failure.error}: ${failure.message}`)}`)]),
    ...waiting.map((sentence) => style.dim(`waits   ${harmless(sentence)}`)),
    style.dim(`ran     ${order.length === 0 ? "nothing" : fitted(order.map(harmless).join(", "), LONGEST)}`),
  ];
}

/** Every step, in the order of their starts. */
function traceView({ steps, order }: TestedRun): string {
  const rows = order.map((path) => {
    const step = steps[path];
    const end = step?.failure === undefined || step.phase === "succeeded" ? step?.result : step.failure.error;
    return [
      formatDuration(step?.startedAt ?? 0),
      path,
      step?.phase ?? "",
      String(step?.attempts ?? 0),
      fitted(textOf(end), 60),
    ];
  });
  return tableText(["AT", "STEP", "PHASE", "ATTEMPTS", "RESULT"], rows);
}

function textOf(value: unknown): string {
  return value === undefined ? "nothing" : fitted(harmless(JSON.stringify(value)), LONGEST);
}

export function totalsView(
  totals: {
    readonly passed: number;
    readonly failed: number;
    /** Milliseconds. */
    readonly took: number;
    readonly only: string;
  },
  style: Style,
): string {
  const { passed, failed, took, only } = totals;
  if (passed + failed === 0)
    return style.red(
      only === "" ? "There is no case." : `There is no case whose name holds '${harmless(only)}'.`,
    );
  const parts = [
    ...(failed === 0 ? [] : [style.red(`${failed} failed`)]),
    style.green(`${passed} passed`),
  ].join(", ");
  return `\n${parts} ${style.dim(`(${(took / 1000).toFixed(1)} s)`)}`;
}
