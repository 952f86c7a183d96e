/** Tables as kubectl prints them: columns of a kind, age last. */
import type { AnyKind, Column, KindResource } from "../../kinds/kind.ts";
import { formatDuration } from "../../model/duration.ts";
import type { Resource } from "../../model/resource.ts";
import { harmless, padded, width } from "./style.ts";

/** Cells with two spaces between them; nothing behind the last. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_name, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : padded(cell, widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export interface ResourceTableOptions {
  readonly wide: boolean;
  /** With a column for the namespace. */
  readonly namespaces: boolean;
  /** `service/api` instead of `api`: where several kinds follow one another. */
  readonly prefix: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function resourceTable(
  kind: AnyKind,
  resources: readonly Resource[],
  options: ResourceTableOptions,
): string {
  return tableText(
    headOf(kind, options),
    resources.map((resource) => rowOf(kind, resource, options)),
  );
}

export function headOf(kind: AnyKind, options: ResourceTableOptions): readonly string[] {
  const columns = shown(kind, options).map((column) => column.name);
  return [...(options.namespaces ? ["NAMESPACE"] : []), "NAME", ...columns, "AGE"];
}

export function rowOf(kind: AnyKind, resource: Resource, options: ResourceTableOptions): readonly string[] {
  const name = options.prefix ? `${kind.singular}/${resource.metadata.name}` : resource.metadata.name;
  const cells = shown(kind, options).map((column) => cellOf(column, resource, options.now));
  return [
    ...(options.namespaces ? [resource.metadata.namespace ?? ""] : []),
    name,
    ...cells,
    age(resource.metadata.creationTimestamp, options.now),
  ];
}

function shown(kind: AnyKind, { wide }: ResourceTableOptions): readonly Column[] {
  return kind.columns.filter((column) => wide || (column.priority ?? 0) === 0);
}

function cellOf(column: Column, resource: Resource, now: number): string {
  const value = column.value(resource as unknown as KindResource);
  if (value === undefined || value === "")
    return column.name === "URL" || column.type === "integer" ? "-" : "";
  return column.type === "date" ? age(String(value), now) : harmless(String(value)).replaceAll("\n", " ");
}

/** How long ago, in the short form: `5m`, `3h12m`; what is to come is `in 5m`. */
export function age(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? "");
  // Clocks of two machines differ by a little.
  if (at - now > 2000) return `in ${formatDuration(at - now)}`;
  return Number.isNaN(at)
    ? "-"
    : formatDuration(Math.max(0, Math.floor((now - at) / 1000) * 1000)).replace(/^0ms$/, "0s");
}
