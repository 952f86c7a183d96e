/** Who uses how much: a line a service or instance, the greatest on top. */
import { formatBytes } from "../../model/quantity.ts";
import { formatCores, formatNumber, formatPercent, formatSeconds } from "./measured.ts";
import { type Style, fitted, harmless } from "./style.ts";
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
  /** How many a service is to have. */
  readonly wanted?: number;
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
  /** Where lines may not be wrapped; any length when absent. */
  readonly columns?: number;
  /** With a column for the namespace. */
  readonly namespaces?: boolean;
}

export function topView(rows: readonly TopRow[], options: TopOptions): string {
  const { by, sort, style, lines, columns, namespaces = false } = options;
  if (rows.length === 0) return "Nothing is measured here: the first values come some seconds after a start.";
  const sorted = rows.toSorted((a, b) =>
    sort === "name"
      ? a.name.localeCompare(b.name)
      : (b[sort] ?? -1) - (a[sort] ?? -1) || a.name.localeCompare(b.name),
  );
  const shown = sorted.slice(0, Math.max(1, lines - 2));
  const head = [
    ...(namespaces ? ["NAMESPACE"] : []),
    by === "service" ? "SERVICE" : "INSTANCE",
    "READY",
    "CPU",
    "MEMORY",
    "REQ/S",
    "ERRORS",
    by === "service" ? "P99" : "MEAN",
  ];
  const text = tableText(
    head,
    shown.map((row) => [...(namespaces ? [harmless(row.namespace)] : []), ...cells(row)]),
  );
  const table = text.split("\n").map((line, index) => {
    const whole = columns === undefined ? line : fitted(line, columns);
    return index > 0 && errorShare(shown[index - 1]) > 0.01 ? style.red(whole) : whole;
  });
  const more = sorted.length - shown.length;
  return [...table, ...(more > 0 ? [`... and ${more} more`] : [])].join("\n");
}

function cells(row: TopRow): readonly string[] {
  const ready = row.ready === undefined ? "-" : formatNumber(row.ready);
  return [
    harmless(row.name),
    row.wanted === undefined ? ready : `${ready}/${formatNumber(row.wanted)}`,
    formatCores(row.cpu ?? Number.NaN),
    formatBytes(row.memory ?? Number.NaN),
    formatNumber(row.requests ?? Number.NaN, 3),
    row.requests === undefined ? "-" : formatPercent(errorShare(row)),
    formatSeconds(row.latency ?? Number.NaN),
  ];
}

function errorShare(row: TopRow | undefined): number {
  const { requests = 0, errors = 0 } = row ?? {};
  return requests === 0 ? 0 : errors / requests;
}
