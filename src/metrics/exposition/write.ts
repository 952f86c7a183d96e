/**
 * Writes families of metrics in either text format. What the Prometheus format has no type for is written as the nearest
 * it has; OpenMetrics gets the names it wants (`# TYPE requests counter` for `requests_total`).
 */
import { METRIC_NAME } from "../labels.ts";
import type { MetricType } from "../series.ts";
import type { TextFormat } from "./format.ts";
import { formatNumber } from "./numbers.ts";

export interface WrittenSample {
  /** `_total`, `_bucket` ...; nothing when absent. */
  readonly suffix?: string;
  /** A label `__name__` is left out. */
  readonly labels?: Iterable<readonly [string, string]>;
  readonly value: number;
  /** Milliseconds. */
  readonly time?: number;
}

export interface WrittenFamily {
  /** As OpenMetrics has it: a counter's without `_total`, an info's without `_info`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help?: string;
  /** What the name ends with. */
  readonly unit?: string;
  readonly samples: Iterable<WrittenSample>;
}

/** In pieces of a family each; `end` comes after the last. */
export function* writeFamilies(families: Iterable<WrittenFamily>, format: TextFormat): Generator<string> {
  for (const family of families) yield writeFamily(family, format);
  if (format === "openmetrics") yield "# EOF\n";
}

function writeFamily(family: WrittenFamily, format: TextFormat): string {
  const { name, type } = family;
  const always = SAMPLE_SUFFIX[type] ?? "";
  let text = format === "openmetrics" ? describeOpenly(family) : describe(family, name + always);
  for (const { suffix = always, labels = [], value, time } of family.samples) {
    const at = time === undefined ? "" : ` ${format === "openmetrics" ? time / 1000 : time}`;
    text += `${seriesText(name + suffix, labels)} ${formatNumber(value)}${at}\n`;
  }
  return text;
}

function describeOpenly({ name, type, unit = "", help = "" }: WrittenFamily): string {
  const described = quoted(name);
  return (
    `# TYPE ${described} ${type}\n` +
    (unit === "" ? "" : `# UNIT ${described} ${unit}\n`) +
    (help === "" ? "" : `# HELP ${described} ${escape(help)}\n`)
  );
}

function describe({ type, help = "" }: WrittenFamily, name: string): string {
  const described = quoted(name);
  const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return (
    (help === "" ? "" : `# HELP ${described} ${escaped}\n`) +
    `# TYPE ${described} ${PROMETHEUS_TYPES[type]}\n`
  );
}

/** What every sample of the type is called by. */
const SAMPLE_SUFFIX: Readonly<Partial<Record<MetricType, string>>> = { counter: "_total", info: "_info" };

const PROMETHEUS_TYPES: Readonly<Record<MetricType, string>> = {
  counter: "counter",
  gauge: "gauge",
  histogram: "histogram",
  summary: "summary",
  info: "gauge",
  stateset: "gauge",
  gaugehistogram: "untyped",
  unknown: "untyped",
};

function seriesText(name: string, labels: Iterable<readonly [string, string]>): string {
  const plain = isPlain(name);
  const parts = plain ? [] : [`"${escape(name)}"`];
  for (const [label, value] of labels)
    if (label !== METRIC_NAME) parts.push(`${quoted(label)}="${escape(value)}"`);
  return `${plain ? name : ""}${parts.length === 0 ? "" : `{${parts.join(",")}}`}`;
}

function quoted(name: string): string {
  return isPlain(name) ? name : `"${escape(name)}"`;
}

function isPlain(name: string): boolean {
  return /^[a-zA-Z_:][\w:]*$/.test(name);
}

function escape(text: string): string {
  return /[\\"\n]/.test(text) ? text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n") : text;
}

/** For series whose families are not known: each name is a family. */
export function* familiesByName(
  series: Iterable<WrittenSample & { readonly name: string }>,
): Generator<WrittenFamily> {
  const byName = new Map<string, WrittenSample[]>();
  for (const sample of series) {
    const samples = byName.get(sample.name);
    if (samples === undefined) byName.set(sample.name, [sample]);
    else samples.push(sample);
  }
  for (const name of [...byName.keys()].sort())
    yield { name, type: "unknown", samples: byName.get(name) ?? [] };
}
