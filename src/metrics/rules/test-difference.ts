/** Compares what a rule test expects with what there is, and says the difference so that it can be read. */
import { equals } from "../native-histogram/arithmetic.ts";
import type { Value } from "../promql/engine.ts";
import type { LabelPairs } from "./rule.ts";
import { sampleText } from "./sample-text.ts";
import type { ExpectedAlert, ExpectedSample } from "./test-file.ts";

export interface Differences {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/** Undefined when they are the same, in whatever order. */
export function alertDifferences(
  expected: readonly ExpectedAlert[],
  found: readonly ExpectedAlert[],
): Differences | undefined {
  return differences(expected, found, sameAlert, alertText);
}

export function sampleDifferences(
  expected: readonly ExpectedSample[],
  found: readonly ExpectedSample[],
  fuzzy: boolean,
): Differences | undefined {
  const same = (a: ExpectedSample, b: ExpectedSample): boolean =>
    a.labels.equals(b.labels) && sameValue(a.value, b.value, fuzzy);
  return differences(
    expected,
    found,
    same,
    ({ labels, value }) => `${labels.toString()} ${sampleText(value)}`,
  );
}

/** A sentence for people, over several lines. */
export function differenceText(where: string, { missing, unexpected }: Differences): string {
  const lines = [
    ...missing.map((text) => `  expected, but not there: ${text}`),
    ...unexpected.map((text) => `  there, but not expected: ${text}`),
  ];
  return `${where}:\n${lines.join("\n")}`;
}

function differences<T>(
  expected: readonly T[],
  found: readonly T[],
  same: (a: T, b: T) => boolean,
  text: (item: T) => string,
): Differences | undefined {
  const unexpected = [...found];
  const missing = expected.filter((item) => {
    const at = unexpected.findIndex((other) => same(item, other));
    if (at !== -1) unexpected.splice(at, 1);
    return at === -1;
  });
  if (missing.length === 0 && unexpected.length === 0) return undefined;
  return { missing: missing.map(text).sort(inOrder), unexpected: unexpected.map(text).sort(inOrder) };
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sameAlert(a: ExpectedAlert, b: ExpectedAlert): boolean {
  return pairsKey(a.labels) === pairsKey(b.labels) && pairsKey(a.annotations) === pairsKey(b.annotations);
}

function sorted(pairs: LabelPairs): readonly (readonly [string, string])[] {
  return Object.entries(pairs).sort(([a], [b]) => inOrder(a, b));
}

function pairsKey(pairs: LabelPairs): string {
  return JSON.stringify(sorted(pairs));
}

function alertText({ labels, annotations }: ExpectedAlert): string {
  const shown = sorted(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const texts = sorted(annotations).map(([name, text]) => `\n      ${name}: ${JSON.stringify(text)}`);
  return `{${shown.join(", ")}}${texts.join("")}`;
}

/** As in promtool, NaN is equal to nothing. Fuzzy: the next number up or down is as good. */
function sameValue(a: Value, b: Value, fuzzy: boolean): boolean {
  if (typeof a === "number" && typeof b === "number") return a === b || (fuzzy && areNeighbours(a, b));
  if (typeof a === "number" || typeof b === "number") return false;
  // Texts show what the test can say: whether counters were reset is compared only where it is known.
  return equals(a, b) || sampleText(a) === sampleText(b);
}

function areNeighbours(a: number, b: number): boolean {
  const [from, to] = [ordinal(a), ordinal(b)];
  return from !== undefined && to !== undefined && (from - to === 1n || to - from === 1n);
}

/** Numbers in order get integers in order: neighbours differ by one. */
function ordinal(value: number): bigint | undefined {
  if (Number.isNaN(value)) return undefined;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const integer = bits.getBigInt64(0);
  return integer < 0n ? -(integer & 0x7fff_ffff_ffff_ffffn) : integer;
}
