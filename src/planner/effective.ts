/**
 * What the texts of a resource stand for in one world: the live one, or the one that a plan leads to. Expressions on
 * parameters, configuration and specs can be evaluated in both, so a plan shows what comes of a change elsewhere;
 * expressions on a status cannot, and say what they wait for.
 */
import { kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { type JsonSchema, childSchema } from "../kinds/schema.ts";
import { VALUE_ROOTS, isSecretReference } from "../kinds/edges.ts";
import {
  type Reference,
  type Template,
  evaluateTemplate,
  hasExpression,
  parseTemplate,
} from "../model/expression.ts";
import type { Draft, Key } from "../model/resource.ts";
import { valueAt } from "../model/walk.ts";

export interface World {
  readonly parameters: ReadonlyMap<string, unknown>;
  resource(key: Pick<Key, "kind" | "name">): Draft | undefined;
  /** Made, or made anew, by the plan: what it will put out is not known. */
  pending(address: string): boolean;
  ready(address: string): boolean;
  /** What is live at a path of a resource; only asked of what is ready. */
  output(address: string, path: readonly string[]): unknown;
}

/** The value of an expression, as far as it is known. */
export class Computed {
  /** The expression. */
  readonly text: string;
  /** What is shown: the value where it is known, else the expression. */
  readonly shown: unknown;
  /** What is compared: the value or all that is known of it, and the expression, for what is written must follow too. */
  readonly identity: unknown;
  readonly secret: boolean;
  /** Addresses of what must be ready before the value is known. */
  readonly until: readonly string[];
  /** It will be another value although its text stays the same. */
  readonly forced: boolean;
  /** Gives the value that a controller makes of it, as things are; undefined where that is not known. Not cheap. */
  readonly present: () => unknown;

  constructor(fields: Omit<Computed, "valued">) {
    this.text = fields.text;
    this.shown = fields.shown;
    this.identity = fields.identity;
    this.secret = fields.secret;
    this.until = fields.until;
    this.forced = fields.forced;
    this.present = fields.present;
  }

  /** The same expression, known to stand for this. */
  valued(value: unknown): Computed {
    if (value === undefined) return this;
    const { text, shown, identity, secret, until, forced } = this;
    return new Computed({ text, shown, identity, secret, until, forced, present: () => value });
  }
}

/** `value` with every expression replaced by a `Computed`, but for those that are the resource's own. */
export function effective(value: unknown, world: World, schema?: JsonSchema): unknown {
  if (schema?.ownExpressions === true) return value;
  if (typeof value === "string") return hasExpression(value) ? resolve(value, world) : value;
  if (typeof value !== "object" || value === null) return value;
  // Most resources hold few expressions or none: what holds none is shared, not copied.
  let copy: unknown[] | Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    const next = effective(member, world, childSchema(schema, name));
    if (next === member) continue;
    copy ??= Array.isArray(value) ? [...(value as unknown[])] : { ...value };
    (copy as Record<string, unknown>)[name] = next;
  }
  return copy ?? value;
}

function resolve(text: string, world: World): unknown {
  let template: Template;
  try {
    template = parseTemplate(text);
  } catch {
    return text;
  }
  const references = template.parts.flatMap((part) => (typeof part === "string" ? [] : part.references));
  if (references.length === 0 || references.some((reference) => reference.root === "env")) return text;
  const known = references.map((reference) => ({ reference, value: staticValue(reference, world) }));
  const open = known
    .filter(({ value }) => value === undefined)
    .map(({ reference }) => addressOfReference(reference));
  const secret = references.some(isSecretReference);
  if (open.length > 0) {
    const until = [
      ...new Set(open.filter((address) => world.pending(address) || !world.ready(address))),
    ].toSorted();
    const forced = open.some((address) => world.pending(address));
    const identity = { text, known: known.map(({ value }) => value ?? null) };
    const present = (): unknown =>
      until.length === 0 ? presentValue(template, references, world) : undefined;
    return new Computed({ text, shown: text, identity, secret, until, forced, present });
  }
  const value = evaluated(template, known, () => JSON.stringify([template, known.map((one) => one.value)]));
  const identity = { text, value };
  return new Computed({
    text,
    shown: value,
    identity,
    secret,
    until: [],
    forced: false,
    present: () => value,
  });
}

/** The value of an expression on what is ready. Never shown: it changes without anybody declaring anything. */
function presentValue(template: Template, references: readonly Reference[], world: World): unknown {
  const known = references.map((reference) => ({
    reference,
    value: staticValue(reference, world) ?? world.output(addressOfReference(reference), reference.path),
  }));
  if (known.some(({ value }) => value === undefined || holdsExpression(value))) return undefined;
  return evaluated(template, known, () => undefined);
}

interface Known {
  readonly reference: Reference;
  readonly value: unknown;
}

/** An expression that cannot be evaluated is left to the controllers, who report it; here it stands for itself. */
function evaluated(template: Template, known: readonly Known[], otherwise: () => unknown): unknown {
  const context: Record<string, Record<string, unknown>> = {};
  for (const { reference, value } of known) {
    const root = (context[reference.root] ??= {});
    root[reference.name] = put(root[reference.name], reference.path, value);
  }
  try {
    return evaluateTemplate(template, context);
  } catch {
    return otherwise();
  }
}

function put(into: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const members = typeof into === "object" && into !== null ? (into as Record<string, unknown>) : {};
  return { ...members, [step]: put(members[step], rest, value) };
}

function addressOfReference(reference: Reference): string {
  return `${reference.root}/${reference.name}`;
}

/** What is known without asking a controller; undefined for a status and for what there is not. */
function staticValue(reference: Reference, world: World): unknown {
  if (VALUE_ROOTS.has(reference.root)) return valueAt(world.parameters.get(reference.name), reference.path);
  const kind = kindOfRoot(reference.root)?.kind ?? "";
  const resource = world.resource({ kind, name: reference.name });
  if (resource === undefined || kindNamed(kind) === undefined || reference.path[0] === "status")
    return undefined;
  if (kind === "Secret" || kind === "ConfigMap") return dataValue(resource, reference.path);
  // A spec may refer to other things in turn: then it is as open as a status.
  const value = valueAt(resource, reference.path);
  return holdsExpression(value) ? undefined : value;
}

function dataValue(resource: Draft, path: readonly string[]): unknown {
  const { data = {} } = resource as Draft & { readonly data?: Readonly<Record<string, unknown>> };
  const [first = ""] = path;
  return valueAt(data, first === "data" && !Object.hasOwn(data, "data") ? path.slice(1) : path);
}

function holdsExpression(value: unknown): boolean {
  if (typeof value === "string") return hasExpression(value);
  return typeof value === "object" && value !== null && Object.values(value).some(holdsExpression);
}
