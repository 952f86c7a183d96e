/** Who uses how much: a line a service or instance, the greatest on top. */
import { formatBytes, formatNumber, formatPercent, formatSeconds } from "./measured.ts";
import { type Style, harmless } from "./style.ts";
import { tableText } from "./table.ts";

export interface TopRow {
  readonly namespace: string;
  readonly name: string;
  readonly service: string;
  /** Cores. */
  readonly cpu?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly ready?: number;
  /** A second. */
  readonly requests?: number;
  /** A second, those answered with 5xx. */
  readonly errors?: number;
  /** Seconds: the 99th percentile of a service, the mean of an instance. */
  readonly latency?: number;
}

export const SORTS = ["cpu", "memory", "requests", "errors", "latency", "name"] as const;
export type TopSort = (typeof SORTS)[number];

export interface TopOptions {
  readonly by: "service" | "instance";
  readonly sort: TopSort;
  readonly style: Style;
  readonly lines: number;
}

export function topView(rows: readonly TopRow[], { by, sort, style, lines }: TopOptions): string {
  if (rows.length === 0)
    return "Nothing is measured yet: the first values are there some seconds after a start.";
  const sorted = rows.toSorted((a, b) =>
    sort === "name"
      ? a.name.localeCompare(b.name)
      : (b[sort] ?? -1) - (a[sort] ?? -1) || a.name.localeCompare(b.name),
  );
  const shown = sorted.slice(0, Math.max(5, lines - 1));
  const head = [
    by === "service" ? "SERVICE" : "INSTANCE",
    "READY",
    "CPU",
    "MEMORY",
    "REQ/S",
    "ERRORS",
    by === "service" ? "P99" : "MEAN",
  ];
  const table = tableText(
    head,
    shown.map((row) => {
      const share = (row.errors ?? 0) / (row.requests ?? Number.NaN);
      const errors = row.requests === undefined ? "-" : formatPercent(row.requests === 0 ? 0 : share);
      return [
        harmless(row.name),
        formatNumber(row.ready ?? Number.NaN),
        formatNumber(row.cpu ?? Number.NaN),
        formatBytes(row.memory ?? Number.NaN),
        formatNumber(row.requests ?? Number.NaN),
        share > 0.01 ? style.red(errors) : errors,
        formatSeconds(row.latency ?? Number.NaN),
      ];
    }),
  );
  const more = sorted.length - shown.length;
  return more > 0 ? `${table}\n... and ${more} more` : table;
}
