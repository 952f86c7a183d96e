/**
 * What templates compute with: Go's values as far as templates can tell them apart.
 *
 *   Go              here
 *   int             bigint
 *   float64         number
 *   nil             null
 *   slice           list, or Composite.list where it has methods
 *   map[string]T    Map (an absent key is the empty text), or Composite.map
 *   struct          Composite.struct
 *   time.Time       Moment
 *
 * That integers are bigints matters: Go refuses to compare `1` with `1.0`, and prints a number by its type.
 */
import type { Moment } from "../../clock/moment.ts";

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Moment
  | List
  | ReadonlyMap<string, Value>
  | Composite;

export type List = readonly Value[];

/** What an argument must be. An integer is given as `number` where that is wanted, as in Go's untyped constants. */
export type ParameterType = "any" | "string" | "number" | "int" | "list" | "moment";

export interface CallContext {
  /** Runs a template by name, as `{{ template }}` does. */
  readonly include: (name: string, data: Value) => string;
}

/** A function of templates, or a method of a Composite. Arguments are checked against `parameters` before it is called. */
export interface TemplateFunction {
  readonly parameters: readonly ParameterType[];
  /** Any number more of these. */
  readonly rest?: ParameterType;
  /** An ordinary Error thrown here stops the rendering; its message becomes part of the diagnostic. */
  readonly call: (args: List, context: CallContext) => Value;
}

/** Shorthand: `method(["string"], ([text]) => ...)`. */
export function templateFunction(
  parameters: readonly ParameterType[],
  call: TemplateFunction["call"],
  rest?: ParameterType,
): TemplateFunction {
  return rest === undefined ? { parameters, call } : { parameters, call, rest };
}

type Base =
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, Value> }
  | { readonly kind: "list"; readonly elements: List }
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, Value>; readonly absent: Value }
  | { readonly kind: "text"; readonly text: string };

export type Methods = Readonly<Record<string, TemplateFunction>>;

/** A value of a named type: a struct, or a list, map or text with methods of its own. */
export class Composite {
  /** As messages name it: `template.Alerts`. */
  readonly type: string;
  readonly base: Base;
  readonly methods: ReadonlyMap<string, TemplateFunction>;

  private constructor(type: string, base: Base, methods: Methods) {
    this.type = type;
    this.base = base;
    this.methods = new Map(Object.entries(methods));
  }

  static struct(type: string, fields: Readonly<Record<string, Value>>, methods: Methods = {}): Composite {
    return new Composite(type, { kind: "struct", fields: new Map(Object.entries(fields)) }, methods);
  }

  static list(type: string, elements: List, methods: Methods = {}): Composite {
    return new Composite(type, { kind: "list", elements }, methods);
  }

  /** `absent` is what a key that is not there gives: the empty text of map[string]string, null of map[string]any. */
  static map(
    type: string,
    entries: ReadonlyMap<string, Value>,
    methods: Methods = {},
    absent: Value = "",
  ): Composite {
    return new Composite(type, { kind: "map", entries, absent }, methods);
  }

  /** Text of a type of its own: what is not to be escaped (`template.HTML`), a duration. */
  static text(type: string, text: string, methods: Methods = {}): Composite {
    return new Composite(type, { kind: "text", text }, methods);
  }
}

/** Text that is written to HTML as it is. */
export const SAFE_HTML = "template.HTML";

export function listOf(value: Value): List | undefined {
  if (Array.isArray(value)) return value as List;
  return value instanceof Composite && value.base.kind === "list" ? value.base.elements : undefined;
}

export function mapOf(value: Value): ReadonlyMap<string, Value> | undefined {
  if (value instanceof Map) return value as ReadonlyMap<string, Value>;
  return value instanceof Composite && value.base.kind === "map" ? value.base.entries : undefined;
}

/** The text of a string or of a Composite.text. */
export function textOf(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Composite && value.base.kind === "text" ? value.base.text : undefined;
}

/** Go's name of the type. */
export function typeOf(value: Value): string {
  if (value === null) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (typeof value === "string") return "string";
  if (value instanceof Composite) return value.type;
  if (Array.isArray(value)) return "[]interface {}";
  return value instanceof Map ? "map[string]string" : "time.Time";
}

/** What `if`, `with`, `and`, `or` and `not` go by: zero, nil and what is empty are false; structs are true. */
export function isTrue(value: Value): boolean {
  const size = listOf(value)?.length ?? mapOf(value)?.size ?? textOf(value)?.length;
  if (size !== undefined) return size > 0;
  if (typeof value === "number" || typeof value === "bigint") return value !== 0 && value !== 0n;
  return value !== null && value !== false;
}
