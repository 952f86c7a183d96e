/**
 * How a thing differs from what it was made from, place by place. Only what the provider read back is compared; what the
 * spec leaves to the provider is no difference. Values that mean the same (`1Gi` and `1024Mi`) are the same.
 */
import { type JsonSchema, childSchema } from "../../kinds/schema.ts";
import { equal } from "../../model/equality.ts";
import { meansTheSame } from "./normalise.ts";

/** A member, a position, or the item of that name in a list whose items have names. */
export type Step = string | number | { readonly named: string };

export interface Difference {
  readonly steps: readonly Step[];
  /** `spec.users[app].access`. */
  readonly path: string;
  /** Absent: it was not there. */
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly secret: boolean;
}

export interface CompareOptions {
  readonly kind: string;
  /** The resource's name, which stands for some fields when they are absent. */
  readonly name: string;
  readonly schema: JsonSchema | undefined;
}

interface Place {
  readonly steps: readonly Step[];
  readonly path: string;
  readonly schema: JsonSchema | undefined;
  readonly secret: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** `made` and `actual` with their secrets open. */
export function compare(made: unknown, actual: unknown, options: CompareOptions): readonly Difference[] {
  const found: Difference[] = [];
  const spec = childSchema(options.schema, "spec");
  visit(made, actual, { steps: [], path: "spec", schema: spec, secret: false }, { options, found });
  return found;
}

interface Walk {
  readonly options: CompareOptions;
  readonly found: Difference[];
}

function visit(expected: unknown, actual: unknown, place: Place, walk: Walk): void {
  if (actual === undefined) return;
  if (isMembers(expected) && isMembers(actual)) {
    for (const name of Object.keys(actual).toSorted()) member(expected, actual, name, place, walk);
    return;
  }
  if (isNamedList(expected) && isNamedList(actual)) {
    compareNamed(expected, actual, place, walk);
    return;
  }
  const there = actual === null ? undefined : actual;
  if (equal(expected ?? undefined, there) || isSame(expected, there, place, walk)) return;
  walk.found.push(difference(expected, there, place));
}

function difference(expected: unknown, actual: unknown, { steps, path, secret }: Place): Difference {
  return {
    steps,
    path,
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    secret,
  };
}

function member(expected: Members, actual: Members, name: string, place: Place, walk: Walk): void {
  const schema = childSchema(place.schema, name);
  const declared = Object.hasOwn(expected, name) ? expected[name] : undefined;
  // What is a field and was left out is the provider's to choose; an entry of a record is not there.
  if (declared === undefined && isField(place.schema, name)) {
    if (schema?.nameWhenAbsent !== true) return;
    if (actual[name] === walk.options.name) return;
  }
  const value = declared ?? (schema?.nameWhenAbsent === true ? walk.options.name : undefined);
  visit(value, actual[name], child(place, name, schema), walk);
}

function isField(schema: JsonSchema | undefined, name: string): boolean {
  const all = schema === undefined ? [] : (schema.anyOf ?? [schema]);
  return all.some(({ properties }) => properties !== undefined && Object.hasOwn(properties, name));
}

function child(place: Place, name: string, schema: JsonSchema | undefined): Place {
  const text = /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `["${name}"]`;
  return {
    steps: [...place.steps, name],
    path: place.path + text,
    schema,
    secret: place.secret || schema?.secret === true,
  };
}

type Named = readonly (Members & { readonly name: string })[];

function isNamedList(value: unknown): value is Named {
  return (
    Array.isArray(value) &&
    value.every((item) => isMembers(item) && typeof item["name"] === "string") &&
    new Set(value.map((item) => (item as { readonly name: string }).name)).size === value.length
  );
}

function compareNamed(expected: Named, actual: Named, place: Place, walk: Walk): void {
  const schema = childSchema(place.schema, 0);
  const byName = new Map(actual.map((item) => [item.name, item]));
  const wanted = new Set(expected.map(({ name }) => name));
  const at = (named: string): Place => ({
    steps: [...place.steps, { named }],
    path: `${place.path}[${named}]`,
    schema,
    secret: place.secret,
  });
  for (const item of expected) visit(item, byName.get(item.name) ?? null, at(item.name), walk);
  for (const item of actual) if (!wanted.has(item.name)) visit(undefined, item, at(item.name), walk);
}

function isSame(expected: unknown, actual: unknown, { schema, path }: Place, { options }: Walk): boolean {
  if (expected === undefined || actual === undefined) return false;
  return meansTheSame(expected, actual, { kind: options.kind, path, schema });
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy of `spec` with `value` in that place; without it when undefined. What is not there is left as it is. */
export function withValue(spec: unknown, steps: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === "string") return inMembers(spec, step, rest, value);
  if (!Array.isArray(spec)) return spec;
  const items: readonly unknown[] = spec;
  const index =
    typeof step === "number"
      ? step
      : items.findIndex((item) => isMembers(item) && item["name"] === step.named);
  if (index < 0) return rest.length === 0 && value !== undefined ? [...items, value] : spec;
  const next = withValue(items[index], rest, value);
  return next === undefined ? items.toSpliced(index, 1) : items.with(index, next);
}

function inMembers(spec: unknown, name: string, rest: readonly Step[], value: unknown): unknown {
  if (spec !== undefined && !isMembers(spec)) return spec;
  const { [name]: former, ...others } = spec ?? {};
  const next = withValue(former, rest, value);
  return next === undefined ? others : { ...spec, [name]: next };
}

export function valueAtSteps(value: unknown, steps: readonly Step[]): unknown {
  let current = value;
  for (const step of steps) {
    if (typeof step === "object")
      current = Array.isArray(current)
        ? (current as readonly unknown[]).find((item) => isMembers(item) && item["name"] === step.named)
        : undefined;
    else if (typeof current !== "object" || current === null) return undefined;
    else current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}
