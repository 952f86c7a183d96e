/** What differs between a live resource and what it is to become, attribute by attribute. */
import { kindNamed } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, withDefaults } from "../kinds/schema.ts";
import { madeName } from "../model/made-name.ts";
import { type Draft, LABELS, REQUESTS, type Resource } from "../model/resource.ts";
import { pathText } from "../model/walk.ts";
import { type Difference, diff } from "./diff.ts";
import { Computed, type World, effective } from "./effective.ts";
import { SYSTEM_NAMESPACE } from "./ownership.ts";
import type { AttributeChange } from "./plan.ts";
import { isSecret, missingGenerated } from "./secrets.ts";
import { bodyOf } from "./target.ts";

/** What a step works on, of one declared resource. */
export interface Subject {
  readonly address: string;
  readonly target: Draft;
  /** Under its former name when it has been renamed. */
  readonly live: Resource | undefined;
  readonly before: World;
  readonly after: World;
}

export function changeOf({ immutable: _immutable, open: _open, ...change }: Difference): AttributeChange {
  return change;
}

function schemaOf(resource: Draft): JsonSchema | undefined {
  const kind = kindNamed(resource.kind);
  return kind === undefined ? undefined : bodySchema(kind);
}

/** `live`: what stands for its name is the name under which its thing was made, whatever it is called now. */
function optionsOf(resource: Draft, live?: Resource): Parameters<typeof diff>[3] {
  return {
    schema: schemaOf(resource),
    name: madeName((live ?? resource).metadata),
    secretKind: resource.kind === "Secret",
  };
}

/** Everything that is declared other than by default. */
export function creation({ address, target, after }: Subject): readonly AttributeChange[] {
  const plain = plainBody(target.kind);
  const body = effective(bodyOf(target), after, schemaOf(target));
  const attributes = diff(plain, body, "", optionsOf(target))
    .map(changeOf)
    .map(({ before: _before, ...change }) => change);
  return [
    ...metadataDifferences(undefined, target).map(changeOf),
    ...attributes,
    ...toBeGenerated(target, address),
  ];
}

const plainBodies = new Map<string, unknown>();

/** The body of a resource of this kind that says nothing but what is there by default. */
function plainBody(kindName: string): unknown {
  const known = plainBodies.get(kindName);
  if (known !== undefined) return known;
  const kind = kindNamed(kindName);
  const hasSpec = kind !== undefined && "spec" in kind.body.shape;
  const plain = kind === undefined ? {} : withDefaults(bodySchema(kind), hasSpec ? { spec: {} } : {});
  plainBodies.set(kindName, plain);
  return plain;
}

export function differencesOf(
  { address, target, before, after }: Subject,
  live: Resource,
): readonly Difference[] {
  const generated = toBeGenerated(target, address).map((change) => ({ ...change, immutable: false }));
  const metadata = metadataDifferences(live, target);
  const schema = schemaOf(target);
  const left = asMade(effective(bodyOf(live), before, schema), live);
  const right = effective(bodyOf(target), after, schema);
  const found = diff(left, right, "", optionsOf(target, live));
  if (found.length === 0) return [...metadata, ...generated];
  // A field that has been added to the kind since has its default, whether the stored body says so or not.
  const completed =
    schema === undefined ? left : asMade(effective(withDefaults(schema, bodyOf(live)), before, schema), live);
  return [...metadata, ...diff(completed, right, "", optionsOf(target, live)), ...generated];
}

/**
 * What the expressions of a spec stood for when the thing was made, as its controller recorded it: whether something that
 * cannot be changed in place has another value now. Nothing is said while a replacement is owed.
 */
function asMade(body: unknown, { metadata, status }: Resource): unknown {
  const { made, replaced } = (status ?? {}) as { readonly made?: unknown; readonly replaced?: unknown };
  if (made === undefined || metadata.annotations?.[REQUESTS.replace] !== replaced) return body;
  const { spec } = body as { readonly spec?: unknown };
  const known = withValues(spec, made);
  return known === spec ? body : { ...(body as object), spec: known };
}

function withValues(value: unknown, made: unknown): unknown {
  if (value instanceof Computed) return value.valued(made);
  if (typeof value !== "object" || value === null || typeof made !== "object" || made === null) return value;
  let copy: Record<string, unknown> | unknown[] | undefined;
  for (const [name, member] of Object.entries(value)) {
    const next = withValues(member, (made as Readonly<Record<string, unknown>>)[name]);
    if (next === member) continue;
    copy ??= Array.isArray(value) ? [...(value as unknown[])] : { ...value };
    (copy as Record<string, unknown>)[name] = next;
  }
  return copy ?? value;
}

function toBeGenerated(target: Draft, address: string): readonly AttributeChange[] {
  if (!isSecret(target)) return [];
  return missingGenerated(target).map((name) => ({
    path: pathText(["data", name]),
    secret: true,
    unknownUntil: [address],
  }));
}

/** What says which System it is, and what is said to controllers. */
const UNSHOWN: ReadonlySet<string> = new Set([SYSTEM_NAMESPACE, ...Object.values(REQUESTS)]);

/** Labels and annotations that people wrote. */
function metadataDifferences(live: Draft | undefined, target: Draft): readonly Difference[] {
  const empty = { labels: {}, annotations: {} };
  return diff(live === undefined ? empty : textsOf(live), textsOf(target), "metadata", {
    schema: undefined,
    name: "",
    secretKind: false,
  });
}

function textsOf({ metadata }: Draft): unknown {
  const { [LABELS.system]: _system, ...labels } = metadata.labels ?? {};
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !UNSHOWN.has(name));
  return { labels, annotations: Object.fromEntries(annotations) };
}
