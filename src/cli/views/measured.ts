/** Measured values as people read them. */
import { harmless } from "./style.ts";

const STEPS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** Significant digits, four when not said, and thousands with a letter: `12.35k`, `0.0042`. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "-" : value > 0 ? "∞" : "-∞";
  for (const [size, letter] of STEPS)
    if (Math.abs(value) >= size) return `${trimmed(value / size, digits)}${letter}`;
  return trimmed(value, digits);
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** As a Service's limit is written: `250m` is a quarter of a core. */
export function formatCores(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const milli = Math.round(value * 1000);
  return milli < 10_000 ? `${milli}m` : trimmed(value, 4);
}

/** With so many significant digits: five nines are another thing than four. */
export function formatPercent(ratio: number, digits = 3): string {
  return Number.isFinite(ratio) ? `${Number((ratio * 100).toPrecision(digits))}%` : "-";
}

export function formatSeconds(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return value < 1 ? `${Number((value * 1000).toPrecision(3))}ms` : `${Number(value.toPrecision(3))}s`;
}

/** `name{a="b"}`, as Prometheus writes it. */
export function seriesName(labels: Readonly<Record<string, string>>): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(harmless(value))}`);
  return pairs.length === 0 && name !== "" ? name : `${name}{${pairs.join(", ")}}`;
}
