/**
 * PromQL test scripts as data: what to load, and what evaluations must answer. The format is Prometheus'
 * (promql/promqltest/README.md): commands begin a line and go on to the next empty one; `#` begins a comment.
 */
import { parseNumber } from "../../../src/metrics/native-histogram/notation.ts";
import { type NotedSample, parseSamples } from "../../../src/metrics/native-histogram/series-notation.ts";
import type { Labels } from "../../../src/metrics/labels.ts";
import { milliseconds, parseSeriesLine, parseStarts, type Start } from "./series-line.ts";

export interface LoadedSeries {
  readonly labels: Labels;
  readonly samples: readonly NotedSample[];
  /** These are the start times of the samples of the series, not samples. */
  readonly starts?: readonly Start[];
}

export interface Load {
  readonly kind: "load";
  readonly line: number;
  readonly step: number;
  /** Also derive native histograms from classic ones. */
  readonly classicToNative: boolean;
  readonly series: readonly LoadedSeries[];
}

export type Annotation = "warn" | "info";

/** What an error or annotation must say; anything goes when neither is there. */
export interface Saying {
  readonly text?: string;
  readonly pattern?: RegExp;
}

export interface Expected {
  readonly fails?: Saying;
  readonly annotations: Readonly<Record<Annotation, readonly Saying[]>>;
  readonly none: ReadonlySet<Annotation>;
  readonly ordered: boolean;
  readonly scalar?: number;
  readonly string?: string;
  /** The result is a range vector with points at these times. */
  readonly range?: { readonly start: number; readonly end: number; readonly step: number };
  readonly series: readonly LoadedSeries[];
}

export interface Evaluation {
  readonly kind: "eval";
  readonly line: number;
  readonly query: string;
  readonly start: number;
  /** Absent: an instant query. */
  readonly range?: { readonly end: number; readonly step: number };
  readonly expected: Expected;
}

export type Command = Load | Evaluation | { readonly kind: "clear"; readonly line: number };

const INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+at\s+(\S+)\s+(.+)$/;
const RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/;
const LOAD = /^load(_with_nhcb)?\s+(\S+)$/;

/** Throws SyntaxError, with the number of the line. */
export function parseScript(text: string): Command[] {
  const lines = text.split("\n").map((line) => (line.trim().startsWith("#") ? "" : line.trim()));
  const commands: Command[] = [];
  for (let at = 0; at < lines.length; at++) {
    const first = lines[at] ?? "";
    if (first === "") continue;
    const line = at + 1;
    const rest: string[] = [];
    if (first !== "clear") while ((lines[at + 1] ?? "") !== "") rest.push(lines[++at] ?? "");
    try {
      commands.push(parseCommand(first, rest, line));
    } catch (error) {
      throw new SyntaxError(`Line ${line}: ${(error as Error).message}`, { cause: error });
    }
  }
  return commands;
}

function parseCommand(first: string, rest: readonly string[], line: number): Command {
  if (first === "clear") return { kind: "clear", line };
  const load = LOAD.exec(first);
  if (load !== null) {
    const [, suffix, step = ""] = load;
    const series = rest.map(parseSeries);
    return { kind: "load", line, step: milliseconds(step), classicToNative: suffix !== undefined, series };
  }
  const instant = INSTANT.exec(first);
  if (instant !== null) {
    const [, old, start = "", query = ""] = instant;
    return { kind: "eval", line, query, start: milliseconds(start), expected: parseExpected(rest, old) };
  }
  const range = RANGE.exec(first);
  if (range === null) throw new SyntaxError(`'${first}' is no command of a script.`);
  const [, old, start = "", end = "", step = "", query = ""] = range;
  return {
    kind: "eval",
    line,
    query,
    start: milliseconds(start),
    range: { end: milliseconds(end), step: milliseconds(step) },
    expected: parseExpected(rest, old),
  };
}

function parseSeries(line: string): LoadedSeries {
  const { labels, starts, values } = parseSeriesLine(line);
  if (starts) return { labels, samples: [], starts: parseStarts(values) };
  return { labels, samples: parseSamples(values) };
}

type Draft = { -readonly [key in keyof Expected]: Expected[key] } & {
  annotations: Record<Annotation, Saying[]>;
  none: Set<Annotation>;
  series: LoadedSeries[];
};

function parseExpected(lines: readonly string[], old: string | undefined): Expected {
  const draft: Draft = {
    annotations: { warn: [], info: [] },
    none: new Set(),
    ordered: old === "ordered",
    series: [],
  };
  if (old === "fail") draft.fails = {};
  if (old === "warn" || old === "info") draft.annotations[old].push({});
  for (const line of lines) parseExpectedLine(draft, line);
  return draft;
}

function parseExpectedLine(draft: Draft, line: string): void {
  const oldFailure = /^expected_fail_(message|regexp)\s+(.+)$/.exec(line);
  if (oldFailure !== null)
    draft.fails = saying(oldFailure[1] === "message" ? "msg" : "regex", oldFailure[2] ?? "");
  else if (/^expect\s/.test(line)) parseExpectation(draft, line);
  else if (/^[^\s{]+$/.test(line) && isNumber(line)) draft.scalar = parseNumber(line);
  else draft.series.push(parseSeries(line));
}

function parseExpectation(draft: Draft, line: string): void {
  const [, kind = "", rest = ""] = /^expect\s+(string|range vector|\w+)\s*(.*)$/.exec(line) ?? [];
  if (kind === "string") draft.string = unquoted(rest);
  else if (kind === "range vector") draft.range = parseRange(rest);
  else if (kind === "ordered") draft.ordered = true;
  else if (kind === "no_warn") draft.none.add("warn");
  else if (kind === "no_info") draft.none.add("info");
  else if (kind === "fail") draft.fails = parseSaying(rest);
  else if (kind === "warn" || kind === "info") draft.annotations[kind].push(parseSaying(rest));
  else throw new SyntaxError(`'${line}' expects something unknown.`);
}

function parseRange(text: string): NonNullable<Expected["range"]> {
  const [, start, end, step] = /^from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/.exec(text) ?? [];
  if (start === undefined || end === undefined || step === undefined)
    throw new SyntaxError(`'${text}' is no range: from .. to .. step ..`);
  return { start: milliseconds(start), end: milliseconds(end), step: milliseconds(step) };
}

function parseSaying(text: string): Saying {
  if (text === "") return {};
  const [, kind, words] = /^(msg|regex)\s*:\s*(.*)$/.exec(text) ?? [];
  if (kind === undefined || words === undefined)
    throw new SyntaxError(`'${text}' is neither msg: nor regex:`);
  return saying(kind, words);
}

function saying(kind: string, text: string): Saying {
  return kind === "msg" ? { text } : { pattern: new RegExp(text) };
}

function unquoted(text: string): string {
  return text.startsWith("`") ? text.slice(1, -1) : (JSON.parse(text) as string);
}

function isNumber(text: string): boolean {
  try {
    parseNumber(text);
    return true;
  } catch {
    return false;
  }
}
