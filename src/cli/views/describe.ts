/** All about one resource: its trouble in one sentence on top, then conditions, spec, instances, events. */
import type { Condition, Resource } from "../../model/resource.ts";
import { rootName } from "../../model/resource.ts";
import { type EventResource, eventRows } from "./events.ts";
import { type Style, harmless, padded } from "./style.ts";
import { age, tableText } from "./table.ts";

export interface Description {
  readonly resource: Resource;
  /** Of a service. */
  readonly instances: readonly Resource[];
  /** Oldest first. */
  readonly events: readonly EventResource[];
}

export interface DescribeViewOptions {
  readonly style: Style;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function describeView(description: Description, { style, now }: DescribeViewOptions): string {
  const { resource, instances, events } = description;
  const { metadata } = resource;
  const address = `${rootName(resource.kind)}/${metadata.name}`;
  const trouble = troubleOf(description);
  const head: readonly (readonly [string, string])[] = [
    ["Kind", `${resource.kind} (${resource.apiVersion})`],
    ...(metadata.namespace === undefined ? [] : ([["Namespace", metadata.namespace]] as const)),
    ["Age", age(metadata.creationTimestamp, now)],
    ["Generation", String(metadata.generation)],
    ...pairs("Labels", metadata.labels),
    ...pairs("Annotations", metadata.annotations),
  ];
  const sections = [
    `${style.bold(address)}  ${trouble === undefined ? style.green(soundness(resource)) : style.red(trouble)}`,
    fields(head),
    section("Conditions", conditionLines(resource, style, now), style),
    section("Spec", valueLines(body(resource)), style),
    section("Status", valueLines(plainStatus(resource)), style),
    section("Instances", instances.length === 0 ? [] : instanceTable(instances, now).split("\n"), style),
    section(
      "Events",
      events.length === 0
        ? []
        : tableText(["AGE", "TYPE", "REASON", "MESSAGE"], eventRows(events.slice(-15), now, false)).split(
            "\n",
          ),
      style,
    ),
  ];
  return sections.filter((text) => text !== "").join("\n\n");
}

/** What is wrong, one sentence; undefined when nothing is. */
export function troubleOf({
  resource,
  instances,
}: Pick<Description, "resource" | "instances">): string | undefined {
  const conditions = conditionsOf(resource);
  if (resource.metadata.deletionTimestamp !== undefined) {
    const held = resource.metadata.finalizers ?? [];
    return `It is being deleted${held.length === 0 ? "" : `; ${held.join(", ")} must let go of it first`}.`;
  }
  const progress = conditions.find((condition) => condition.type === "Progressing");
  if (progress?.status === "False" && ["RolledBack", "RolloutFailed"].includes(progress.reason))
    return harmless(progress.message);
  const ready = conditions.find((condition) => condition.type === "Ready");
  if (ready?.status === "False") return harmless(ready.message);
  const degraded = [resource, ...instances]
    .flatMap(conditionsOf)
    .find((condition) => condition.type === "Degraded" && condition.status === "True");
  return degraded === undefined ? undefined : harmless(degraded.message);
}

function soundness(resource: Resource): string {
  const ready = conditionsOf(resource).find((condition) => condition.type === "Ready");
  return ready === undefined ? "" : harmless(ready.message);
}

function conditionsOf(resource: Resource): readonly Condition[] {
  return (resource.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}

function conditionLines(resource: Resource, style: Style, now: number): readonly string[] {
  return conditionsOf(resource).map((condition) => {
    const word =
      condition.status === "True"
        ? condition.type
        : condition.status === "False"
          ? `not ${condition.type}`
          : `${condition.type} unknown`;
    return `${word} for ${age(condition.lastTransitionTime, now)}: ${harmless(condition.message)} ${style.dim(`(${condition.reason})`)}`;
  });
}

function instanceTable(instances: readonly Resource[], now: number): string {
  const rows = instances.map((instance) => {
    const ready = conditionsOf(instance).find((condition) => condition.type === "Ready");
    const state =
      instance.metadata.deletionTimestamp === undefined
        ? String((instance.status as { readonly state?: string } | undefined)?.state ?? "Pending")
        : "Stopping";
    const template = String((instance.spec as { readonly template?: string }).template ?? "");
    return [
      instance.metadata.name,
      ready?.status === "True" ? "ready" : "not ready",
      state,
      template,
      age(instance.metadata.creationTimestamp, now),
      ready?.status === "True" ? "" : harmless(ready?.message ?? ""),
    ];
  });
  return tableText(["NAME", "READY", "STATE", "TEMPLATE", "AGE", "REASON"], rows);
}

function section(name: string, lines: readonly string[], style: Style): string {
  return lines.length === 0 ? "" : [style.bold(`${name}:`), ...lines.map((line) => `  ${line}`)].join("\n");
}

function fields(rows: readonly (readonly [string, string])[]): string {
  return rows
    .map(([name, value]) => `${padded(name === "" ? "" : `${name}:`, 13)} ${harmless(value)}`)
    .join("\n");
}

function pairs(
  name: string,
  texts: Readonly<Record<string, string>> | undefined,
): readonly (readonly [string, string])[] {
  return Object.entries(texts ?? {}).map(
    ([key, value], index) => [index === 0 ? name : "", `${key}=${value}`] as const,
  );
}

const ELSEWHERE: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "status"]);

function body(resource: Resource): unknown {
  if (resource.spec !== undefined) return resource.spec;
  const rest = Object.fromEntries(Object.entries(resource).filter(([name]) => !ELSEWHERE.has(name)));
  if (resource.kind !== "Secret") return rest;
  const { data, stringData } = rest as { readonly data?: object; readonly stringData?: object };
  return {
    ...rest,
    data: Object.fromEntries(Object.keys({ ...data, ...stringData }).map((key) => [key, "(secret)"])),
  };
}

/** What is no bookkeeping. */
function plainStatus(resource: Resource): unknown {
  const {
    conditions: _conditions,
    observedGeneration: _generation,
    stable: _stable,
    ...rest
  } = (resource.status ?? {}) as Readonly<Record<string, unknown>>;
  return rest;
}

const MAX_LINES = 60;

/** Values as short YAML: what is empty is left out. */
function valueLines(value: unknown): readonly string[] {
  const lines = linesOf(value, "");
  return lines.length > MAX_LINES
    ? [...lines.slice(0, MAX_LINES), `... ${lines.length - MAX_LINES} more; see -o yaml`]
    : lines;
}

function linesOf(value: unknown, indent: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [`${indent}${scalar(value)}`];
  const entries = Array.isArray(value)
    ? value.map((item: unknown) => ["-", item] as const)
    : Object.entries(value).map(([name, member]) => [`${name}:`, member as unknown] as const);
  return entries.flatMap(([name, member]) => {
    if (isEmpty(member)) return [];
    const short = inline(member);
    return short === undefined
      ? [`${indent}${name}`, ...linesOf(member, `${indent}  `)]
      : [`${indent}${name} ${short}`];
  });
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)
  );
}

function inline(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return scalar(value);
  const text = JSON.stringify(value);
  return text.length <= 72 ? harmless(text) : undefined;
}

function scalar(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return harmless(text).replaceAll("\n", "\\n");
}
