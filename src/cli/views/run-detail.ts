/** All of a run: its graph, then what it was given, what it gave or why it failed, and where it comes from. */
import { stringify } from "yaml";
import type { Run, StepView } from "../../client/workflows.ts";
import { failureView, outputText } from "./run-end.ts";
import { type RunGraphOptions, runGraphView } from "./run-graph.ts";
import { fitted, harmless } from "./style.ts";

export interface RunDetailOptions extends RunGraphOptions {
  /** The last lines of the step that failed. */
  readonly log: readonly string[];
}

export function runDetailView(run: Run, steps: readonly StepView[], options: RunDetailOptions): string {
  const { spec, status = {} } = run;
  const isOver = status.failure !== undefined || status.phase === "Cancelled";
  const output = outputText(run);
  const parts = [
    [runGraphView(run, steps, options), remarks(run, steps)].filter((text) => text !== "").join("\n"),
    section("Parameters", yamlOf(spec.parameters), options),
    section("Output", output, options),
    isOver ? failureView(run, options.log, options) : "",
    section("Of it", facts(run), options),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function remarks({ status }: Run, steps: readonly StepView[]): string {
  const reused = steps.filter(({ reusedFrom }) => reusedFrom !== undefined).length;
  const hidden = (status?.steps?.total ?? 0) - steps.length;
  const lines = [
    ...whyQueued(status),
    ...(hidden > 0 ? [`  Of a run this large, ${hidden} steps that are over are counted only.`] : []),
    ...(reused === 0 ? [] : [`  = ${reused} of the results are taken from the run it is a fork of.`]),
    ...haltedLines(status),
    ...(status?.late === undefined ? [] : [`  It is late: ${harmless(status.late)}`]),
  ];
  return lines.join("\n");
}

function whyQueued(status: Run["status"]): readonly string[] {
  if (status?.phase !== "Queued") return [];
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  return ready === undefined ? [] : [`  ${harmless(ready.message)}`];
}

function haltedLines(status: Run["status"]): readonly string[] {
  const halted = status?.conditions?.find(({ type, status: is }) => type === "Halted" && is === "True");
  return halted === undefined ? [] : [`  It does not go on (${halted.reason}): ${harmless(halted.message)}`];
}

function facts({ spec, status }: Run): string {
  const { cause, fork, priority, deadline } = spec;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["Definition", status?.definition],
    ["Began", status?.startedAt],
    ["Ended", status?.endedAt],
    [
      "Fork of",
      fork === undefined ? undefined : `${fork.run}${fork.from === undefined ? "" : ` from ${fork.from}`}`,
    ],
    [
      "Because of",
      cause === undefined ? undefined : [cause.type, cause.name, cause.time].filter(Boolean).join(" "),
    ],
    ["Priority", priority === undefined ? undefined : String(priority)],
    ["Deadline", deadline],
  ];
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(11)} ${harmless(value ?? "")}`)
    .join("\n");
}

const MOST_LINES = 40;

function yamlOf(value: unknown): string {
  if (value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0))
    return "";
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function section(title: string, text: string, { style, columns }: RunGraphOptions): string {
  if (text === "") return "";
  const lines = text.split("\n");
  const shown = lines
    .slice(0, MOST_LINES)
    .map((line) => `  ${fitted(harmless(line), Math.max(200, columns))}`);
  const more = lines.length - shown.length;
  return [
    style.bold(title),
    ...shown,
    ...(more > 0 ? [`  ... and ${more} more lines; see -o json`] : []),
  ].join("\n");
}
