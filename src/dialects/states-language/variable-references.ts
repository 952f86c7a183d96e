/** Which variables the expressions of each state read: what the service's describe call answers. */
import type { Json, JsonObject } from "../../model/resource.ts";
import type { QueryLanguage } from "./definition.ts";
import { isIntrinsic, parseIntrinsic, pathsOf } from "./intrinsic.ts";
import { isObject, variableOf } from "./json-path.ts";
import { compileJsonata, isJsonata } from "./jsonata-expression.ts";
import { innerMachines } from "./validation/machine.ts";

/** Variables in the order of their names, by state; states without any are left out. */
export function variableReferences(machine: JsonObject): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  collect(machine, machine["QueryLanguage"] === "JSONata" ? "JSONata" : "JSONPath", found);
  return found;
}

function collect(machine: JsonObject, outer: QueryLanguage, found: Record<string, string[]>): void {
  const { States: states } = machine;
  if (!isObject(states)) return;
  for (const [name, state] of Object.entries(states)) {
    if (!isObject(state)) continue;
    const language = (state["QueryLanguage"] ?? outer) as QueryLanguage;
    const variables = new Set<string>();
    const { Branches: _b, ItemProcessor: _p, Iterator: _i, Result: _r, ...own } = state;
    read(own, "", language, variables);
    if (variables.size > 0) found[name] = [...variables].toSorted();
    for (const [, inner] of innerMachines(state)) collect(inner, outer, found);
  }
}

function read(value: Json, field: string, language: QueryLanguage, variables: Set<string>): void {
  if (Array.isArray(value)) for (const one of value as readonly Json[]) read(one, field, language, variables);
  else if (isObject(value)) {
    for (const [name, one] of Object.entries(value)) read(one, name, language, variables);
  } else if (typeof value !== "string") return;
  else if (language === "JSONata") readJsonata(value, variables);
  else if (/(?:Path|\.\$)$|^Variable$/.test(field)) readPathExpression(value, variables);
}

function readPathExpression(text: string, variables: Set<string>): void {
  const paths = isIntrinsic(text) ? pathsOf(parseIntrinsic(text)) : [text];
  for (const path of paths) {
    const name = variableOf(path);
    if (name !== undefined) variables.add(name);
  }
}

/** Variables that an expression reads and does not bind itself; `$states` and functions are none. */
function readJsonata(text: string, variables: Set<string>): void {
  if (!isJsonata(text)) return;
  const tree = JSON.stringify(compileJsonata(text).ast(), (key, value: unknown) =>
    key === "procedure" && isNamed(value) ? null : value,
  );
  const bound = new Set(
    Array.from(tree.matchAll(/"lhs":\{"value":"(\w+)","type":"variable"/g), ([, name]) => name),
  );
  for (const [, name = ""] of tree.matchAll(/\{"value":"(\w+)","type":"variable"/g)) {
    if (name !== "states" && !bound.has(name)) variables.add(name);
  }
}

function isNamed(value: unknown): boolean {
  return isObject(value) && value["type"] === "variable";
}
