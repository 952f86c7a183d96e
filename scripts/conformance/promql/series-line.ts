/** Lines of series in test scripts: `metric{label="value"} 1 2 3`, and `metric@st -1m -2m` for start times. */
import { Labels } from "../../../src/metrics/labels.ts";
import { parseSelector } from "../../../src/metrics/promql/parse.ts";

export interface SeriesLine {
  readonly labels: Labels;
  /** `values` are the start times of the samples. */
  readonly starts: boolean;
  readonly values: string;
}

/** Milliseconds from the time of the sample; undefined where none is known. */
export type Start = number | undefined;

export function parseSeriesLine(line: string): SeriesLine {
  const end = endOfMetric(line);
  const metric = line.slice(0, end);
  const starts = line.startsWith("@st", end);
  return { labels: parseLabels(metric), starts, values: line.slice(starts ? end + 3 : end).trim() };
}

function parseLabels(metric: string): Labels {
  if (/^\{\s*\}$/.test(metric)) return Labels.empty;
  const bare = metric.replace(/\{\s*\}$/, "");
  return Labels.of(
    parseSelector(bare).map(({ name, operator, value }) => {
      if (operator !== "=")
        throw new SyntaxError(`'${metric}' is no series: its labels must be given with '='.`);
      return [name, value] as const;
    }),
  );
}

/** After the name and the labels in braces, if there are any; braces in quotes do not count, nor do those of histograms. */
function endOfMetric(line: string): number {
  const name = /^[\w:.]*/.exec(line)?.[0].length ?? 0;
  const braces = /\s*\{(?!\{)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|[^"'`}])*\}/y;
  braces.lastIndex = name;
  const found = braces.exec(line);
  return found === null ? name : braces.lastIndex;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

const DURATION = String.raw`[+-]?(?:(?:\d+(?:ms|[smhdwy]))+|0)`;

/** Of a duration such as `1h30m`; a bare number is seconds. Throws SyntaxError. */
export function milliseconds(text: string): number {
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!new RegExp(`^${DURATION}$`).test(text)) throw new SyntaxError(`'${text}' is no duration.`);
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    total += Number(count) * (UNITS[unit ?? ""] ?? 0);
  return text.startsWith("-") ? -total : total;
}

const STARTS = new RegExp(`^(${DURATION})(?:([+-])(${DURATION}))?(?:x(\\d+))?$`);

/** Start times have the notation of samples, with durations instead of values. */
export function parseStarts(text: string): Start[] {
  return text.split(/\s+/).flatMap((word): Start[] => {
    const gap = /^_(?:x(\d+))?$/.exec(word);
    if (gap !== null) return Array.from({ length: Number(gap[1] ?? 1) }, () => undefined);
    const [, first, sign, step, times] = STARTS.exec(word) ?? [];
    if (first === undefined) throw new SyntaxError(`'${word}' is no start time.`);
    const by = step === undefined ? 0 : milliseconds(step) * (sign === "-" ? -1 : 1);
    return Array.from({ length: Number(times ?? 0) + 1 }, (_, at) => milliseconds(first) + at * by);
  });
}
