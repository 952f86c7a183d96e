/**
 * What a builder call gives: the plain manifest, and typed references to what the thing will put out once it exists.
 * `database("orders").url` is not the URL but the text `${database.orders.status.url}` with a type; it may be put into
 * template literals, and only where a value of its type is expected.
 */
import { type Draft, addressOf, rootName } from "../model/resource.ts";
import type { Output, Outputs } from "./kind.ts";

/** A reference that evaluates to a `T` when the system runs. In files it is an expression. */
export class Ref<T = unknown> {
  readonly #expression: string;
  /** Only a type. */
  declare readonly type: T;

  /** `expression`: CEL without the `${}` around it. */
  constructor(expression: string) {
    this.#expression = expression;
  }

  toString(): string {
    return `\${${this.#expression}}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

const MANIFEST = Symbol("manifest");

type OutputType<O> = O extends Output<infer T> ? T : never;

export type Declaration<O extends Outputs = Outputs> = { readonly [MANIFEST]: Draft } & {
  readonly [name in keyof O]: Ref<OutputType<O[name]>>;
};

/** What may be written where the schema wants a `T`: the value, a reference, an expression, a declared resource for its name. */
export type Input<T> = T extends string
  ? T | Ref<string> | (string extends T ? Declared : `\${${string}}`)
  : T extends number | boolean
    ? T | Ref<T> | `\${${string}}`
    : T extends readonly (infer I)[]
      ? readonly Input<I>[]
      : T extends object
        ? { readonly [name in keyof T]: Input<T[name]> }
        : T;

/** A declaration of whatever kind. */
export interface Declared {
  readonly [MANIFEST]: Draft;
}

export function declare<O extends Outputs>(draft: Draft, outputs: O): Declaration<O> {
  const root = `${rootName(draft.kind)}.${draft.metadata.name}`;
  const declaration = Object.create(null) as Record<string | symbol, unknown>;
  for (const [name, { path }] of Object.entries(outputs))
    declaration[name] = new Ref([root, ...path].join("."));
  declaration[MANIFEST] = draft;
  return Object.freeze(declaration) as unknown as Declaration<O>;
}

export function isDeclared(value: unknown): value is Declared {
  return typeof value === "object" && value !== null && MANIFEST in value;
}

/** The manifest as plain data: references become expressions, declarations become names (in `dependsOn` addresses). */
export function manifestOf(declared: Declared): Draft {
  return plain(declared[MANIFEST], false) as Draft;
}

function plain(value: unknown, address: boolean): unknown {
  if (value instanceof Ref) return value.toString();
  if (isDeclared(value)) return address ? addressOf(value[MANIFEST]) : value[MANIFEST].metadata.name;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, address));
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member, name === "dependsOn")]));
}
