/**
 * Histograms as text, in the notation of PromQL test scripts and of rule tests: `{{schema:1 count:3 buckets:[1 2]}}`.
 *
 * Source: Prometheus' documentation, "Unit testing for rules".
 */
import { CUSTOM_BUCKETS, type CounterReset, type NativeHistogram, type Span } from "../histogram.ts";
import { contentsOf } from "./layout.ts";
import type { Side } from "./side.ts";
import { formatNumber } from "./text.ts";

const RESETS: Readonly<Record<string, CounterReset>> = {
  unknown: "unknown",
  reset: "reset",
  not_reset: "none",
  gauge: "gauge",
};

export interface ParsedHistogram {
  readonly histogram: NativeHistogram;
  /** Whether the text says what is known of resets. */
  readonly saysReset: boolean;
}

/** Of `{{schema:1 sum:3}}`. Throws SyntaxError. */
export function parseHistogram(text: string): ParsedHistogram {
  const inner = /^\{\{([^{}]*)\}\}$/.exec(text.trim())?.[1];
  if (inner === undefined) throw new SyntaxError(`'${text}' is no histogram: it must be in double braces.`);
  const fields = new Map<string, string>();
  const field = /\s*([a-z_]+)\s*:\s*(\[[^\]]*\]|[^\s[\]]+)\s*/y;
  while (field.lastIndex < inner.trimEnd().length) {
    const at = field.lastIndex;
    const [, name = "", value = ""] = field.exec(inner) ?? [];
    if (!KNOWN.has(name)) throw new SyntaxError(`'${inner.slice(at)}' in a histogram is no field of one.`);
    if (fields.has(name)) throw new SyntaxError(`The histogram says '${name}' twice.`);
    fields.set(name, value);
  }
  const bounds = list(fields, "custom_values");
  const schema = number(fields, "schema");
  const hint = fields.get("counter_reset_hint") ?? "unknown";
  const counterReset = RESETS[hint];
  if (counterReset === undefined) throw new SyntaxError(`'${hint}' is no counter reset hint.`);
  const positiveBuckets = list(fields, "buckets");
  const negativeBuckets = list(fields, "n_buckets");
  return {
    saysReset: fields.has("counter_reset_hint"),
    histogram: {
      schema,
      zeroThreshold: number(fields, "z_bucket_w"),
      zeroCount: number(fields, "z_bucket"),
      count: number(fields, "count"),
      sum: number(fields, "sum"),
      positiveSpans: spanOf(positiveBuckets, number(fields, "offset")),
      positiveBuckets,
      negativeSpans: spanOf(negativeBuckets, number(fields, "n_offset")),
      negativeBuckets,
      ...(schema === CUSTOM_BUCKETS && { bounds }),
      counterReset,
    },
  };
}

const KNOWN = new Set([
  "schema",
  "sum",
  "count",
  "z_bucket",
  "z_bucket_w",
  "custom_values",
  "buckets",
  "offset",
  "n_buckets",
  "n_offset",
  "counter_reset_hint",
]);

function spanOf(counts: readonly number[], offset: number): Span[] {
  return counts.length === 0 ? [] : [{ offset, length: counts.length }];
}

function number(fields: ReadonlyMap<string, string>, name: string): number {
  const text = fields.get(name);
  return text === undefined ? 0 : parseNumber(text);
}

function list(fields: ReadonlyMap<string, string>, name: string): number[] {
  const text = fields.get(name);
  if (text === undefined) return [];
  if (!text.startsWith("[")) throw new SyntaxError(`'${name}' of a histogram must be a list in brackets.`);
  return text
    .slice(1, -1)
    .split(/[\s,]+/)
    .filter((word) => word !== "")
    .map(parseNumber);
}

/** As Prometheus writes and reads numbers: also Inf, NaN and hexadecimal. Throws SyntaxError. */
export function parseNumber(text: string): number {
  const special = /^([+-]?)(?:(inf(?:inity)?)|(nan)|(0x[\da-f]+))$/i.exec(text);
  if (special !== null) {
    const [, sign, infinite, nan, hexadecimal] = special;
    if (nan !== undefined) return Number.NaN;
    const magnitude = infinite === undefined ? Number(hexadecimal) : Number.POSITIVE_INFINITY;
    return sign === "-" ? -magnitude : magnitude;
  }
  if (!/^[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    throw new SyntaxError(`'${text}' is no number.`);
  return Number(text.replaceAll("_", ""));
}

/** In the notation of test scripts, without empty fields. */
export function formatHistogram(histogram: NativeHistogram, withReset = false): string {
  const contents = contentsOf(histogram);
  const fields: string[] = [];
  const say = (name: string, value: number) => {
    if (value !== 0) fields.push(`${name}:${formatNumber(value)}`);
  };
  say("schema", histogram.schema);
  say("count", histogram.count);
  say("sum", histogram.sum);
  say("z_bucket", histogram.zeroCount);
  say("z_bucket_w", histogram.zeroThreshold);
  if (histogram.bounds !== undefined)
    fields.push(`custom_values:[${histogram.bounds.map(formatNumber).join(" ")}]`);
  fields.push(...sideFields("", contents.positive), ...sideFields("n_", contents.negative));
  const hint = Object.entries(RESETS).find(([, reset]) => reset === histogram.counterReset)?.[0];
  if (withReset && hint !== undefined) fields.push(`counter_reset_hint:${hint}`);
  return `{{${fields.join(" ")}}}`;
}

function sideFields(prefix: string, { indices, counts }: Side): string[] {
  const first = indices[0];
  const last = indices.at(-1);
  if (first === undefined || last === undefined) return [];
  const all = Array.from({ length: last - first + 1 }, () => 0);
  for (const [at, index] of indices.entries()) all[index - first] = counts[at] ?? 0;
  const offset = first === 0 ? [] : [`${prefix}offset:${first}`];
  return [...offset, `${prefix}buckets:[${all.map(formatNumber).join(" ")}]`];
}
