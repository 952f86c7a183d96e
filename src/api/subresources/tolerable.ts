/**
 * Whether what is to be tolerated can be: a place of the resource as it is, a field that its kind has, or what was found. Names
 * that people choose (a variable, a user) must be there: one that is misspelt would be tolerated for nothing.
 */
import { kindNamed } from "../../kinds/registry.ts";
import { type JsonSchema, bodySchema } from "../../kinds/schema.ts";
import { suggest } from "../../diagnostics/suggestion.ts";
import { fitsPattern, stepsIn } from "../../model/path-pattern.ts";
import type { Resource } from "../../model/resource.ts";

const MOST_NAMED = 12;

/** One sentence that names what is there; undefined when it can be tolerated. `found`: paths of what differs. */
export function whyNotThere(path: string, resource: Resource, found: readonly string[]): string | undefined {
  const there = [...new Set([...found, ...pathsIn(resource.spec, "spec")])];
  if (there.some((one) => fitsPattern(one, path)) || found.some((one) => fitsPattern(path, one)))
    return undefined;
  const kind = kindNamed(resource.kind);
  if (kind !== undefined && isField([bodySchema(kind)], stepsIn(path))) return undefined;
  const like = suggest(path, there);
  if (like !== undefined) return `There is no '${path.slice(0, 100)}'. Did you mean '${like}'?`;
  const more = there.length > MOST_NAMED ? `, and ${there.length - MOST_NAMED} more` : "";
  return `There is no '${path.slice(0, 100)}'. There is: ${there.slice(0, MOST_NAMED).join(", ")}${more}.`;
}

/** Of what holds nothing more; items of lists by their name, or by where they stand. */
function* pathsIn(value: unknown, path: string): Generator<string> {
  const members = membersOf(value);
  if (members.length === 0) yield path;
  for (const [step, member] of members) yield* pathsIn(member, `${path}${step}`);
}

function membersOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null) return [];
  if (!Array.isArray(value))
    return Object.entries(value).map(([name, member]) => [
      /^[A-Za-z_$][\w$-]*$/.test(name) ? `.${name}` : `["${name}"]`,
      member as unknown,
    ]);
  return value.map((item: unknown, index) => {
    const { name } = (item ?? {}) as { readonly name?: unknown };
    return [`[${typeof name === "string" ? name : index}]`, item] as const;
  });
}

/** A field that may be there, whether it is or not; a star stands for any one. */
function isField(schemas: readonly JsonSchema[], [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true;
  const next = schemas.flatMap(branches).flatMap((schema) => below(schema, step));
  return next.length > 0 && isField(next, rest);
}

function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf ?? [schema];
}

function below({ properties = {}, additionalProperties, items }: JsonSchema, step: string): JsonSchema[] {
  if (step !== "*") return Object.hasOwn(properties, step) ? [properties[step] as JsonSchema] : [];
  const any = typeof additionalProperties === "object" ? [additionalProperties] : [];
  return [...Object.values(properties), ...any, ...(items === undefined ? [] : [items])];
}
