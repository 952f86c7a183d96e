/** What things yield in a rehearsal: every output that the kind names and every field that something refers to, of its type. */
import { kindNamed } from "../../kinds/registry.ts";
import { type JsonSchema, statusSchema } from "../../kinds/schema.ts";
import type { Keyring } from "../../model/sealed.ts";
import type { Thing } from "../../providers/simulated/index.ts";

const PORT = 4_000;

/** What the kind says it yields, of the type that it says. */
export function playedOutputs({ id, kind, name, spec }: Thing, keyring: Keyring): Record<string, unknown> {
  if (kind === "Resource") return { id, output: { ...(spec["config"] as object | undefined) } };
  const known = kindNamed(kind);
  const outputs: Record<string, unknown> = {};
  if (known === undefined) return outputs;
  for (const { path: whole, secret } of Object.values(known.outputs)) {
    const path = whole.slice(1);
    const value = valueFor(schemaOf(statusSchema(known), path), `${known.root}/${name}`, path);
    place(outputs, path, secret && typeof value === "string" ? keyring.seal(value) : value);
  }
  return outputs;
}

function schemaOf(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  let found: JsonSchema | undefined = schema;
  for (const step of path) {
    const members: Readonly<Record<string, JsonSchema>> = found?.properties ?? {};
    const rest: boolean | JsonSchema | undefined = found?.additionalProperties;
    found = members[step] ?? (typeof rest === "object" ? rest : undefined);
  }
  return found;
}

const OF_TYPE: ReadonlyMap<unknown, unknown> = new Map<unknown, unknown>([
  ["integer", PORT],
  ["number", PORT],
  ["boolean", true],
  ["array", []],
  ["object", {}],
]);

function valueFor(schema: JsonSchema | undefined, what: string, path: readonly string[]): unknown {
  const field = path.at(-1) ?? "";
  if (OF_TYPE.has(schema?.type)) return OF_TYPE.get(schema?.type);
  if (/port$/i.test(field)) return PORT;
  if (/url$/i.test(field)) return `rehearsed://${what}`;
  return /host|address/i.test(field) ? "rehearsed.invalid" : `rehearsed-${what.replace("/", "-")}-${field}`;
}

/** Something refers to it, so it will be there. */
export function fill(
  outputs: Record<string, unknown>,
  path: readonly string[],
  address: string,
  kind: string,
): void {
  let inner: unknown = outputs;
  for (const step of path) inner = (inner as Readonly<Record<string, unknown>> | undefined)?.[step];
  if (inner !== undefined) return;
  const known = kindNamed(kind);
  const schema = known === undefined ? undefined : schemaOf(statusSchema(known), path);
  place(outputs, path, valueFor(schema, address, path));
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = "", ...rest] = path;
  if (rest.length === 0) target[first] = value;
  else {
    const inner = target[first];
    const object = typeof inner === "object" && inner !== null ? { ...inner } : {};
    place(object as Record<string, unknown>, rest, value);
    target[first] = object;
  }
}

export function merge(target: Record<string, unknown>, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = target[name];
    const both = [before, value].every(
      (one) => typeof one === "object" && one !== null && !Array.isArray(one),
    );
    target[name] = both ? { ...(before as object), ...(value as object) } : value;
  }
}
