/** Resources as `kubectl get` prints them: columns and cells come from the kind's definition. */
import type { AnyKind, Column, KindResource } from "../kinds/kind.ts";
import { formatDuration } from "../model/duration.ts";
import type { Resource } from "../model/resource.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

export function includeObject(query: URLSearchParams): IncludeObject {
  const wanted = query.get("includeObject");
  return wanted === "None" || wanted === "Object" ? wanted : "Metadata";
}

interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export function columnDefinitions(kind: AnyKind): readonly ColumnDefinition[] {
  const own = kind.columns.map(({ name, type, description = "", priority = 0 }) => ({
    name: title(name),
    type: type === "date" ? "string" : type,
    format: "",
    description,
    priority,
  }));
  const name = {
    name: "Name",
    type: "string",
    format: "name",
    description: "Unique within its namespace.",
    priority: 0,
  };
  const age = {
    name: "Age",
    type: "string",
    format: "",
    description: "Time since it was created.",
    priority: 0,
  };
  return [name, ...own, age];
}

export function row(
  kind: AnyKind,
  resource: Resource,
  options: { readonly now: number; readonly includeObject: IncludeObject },
): object {
  const cells = [
    resource.metadata.name,
    ...kind.columns.map((column) => cell(column, resource, options.now)),
    since(resource.metadata.creationTimestamp, options.now),
  ];
  if (options.includeObject === "None") return { cells };
  const object =
    options.includeObject === "Object"
      ? resource
      : { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: resource.metadata };
  return { cells, object };
}

/** A column reads what may be half written: one that cannot be shown is empty, and does not take the list with it. */
function cell(column: Column, resource: Resource, now: number): string | number {
  try {
    const value = column.value(resource as unknown as KindResource) ?? "";
    return column.type === "date" ? since(String(value), now) : value;
  } catch {
    return "";
  }
}

function since(time: string, now: number): string {
  const age = now - Date.parse(time);
  if (Number.isNaN(age)) return "<unknown>";
  return age < 1000 ? "0s" : formatDuration(age);
}

/** kubectl prints headings in capitals itself. */
function title(name: string): string {
  return name
    .split(" ")
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join(" ");
}
