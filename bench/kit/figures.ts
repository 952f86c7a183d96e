/** Figures and tables for people: what every script under bench/ prints. */
import { availableParallelism, loadavg } from "node:os";

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Three digits that count: 0.12, 4.6, 780. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

export function milliseconds(value: number): string {
  return value >= 10_000 ? `${short(value / 1000)} s` : `${short(value)} ms`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  console.log(line(head));
  console.log(`|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  for (const row of rows) console.log(line(row));
  console.log();
}

/** The machine and what else it was doing: figures of a busy machine are read as ratios. */
export function printMachine(): void {
  console.log(
    `node ${process.version}, ${availableParallelism()} cores, load ${short(loadavg()[0] ?? 0)} before\n`,
  );
}
