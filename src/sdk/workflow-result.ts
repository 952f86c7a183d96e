/** What steps give, before they have: typed references to results, parameters and items, and expressions over them. */
import { Ref } from "../kinds/declaration.ts";

/**
 * A reference to a `T` that is known when the run is there. Its members are references: `load.rows` stands for
 * `${step.load.rows}`.
 */
export type Result<T> = Ref<T> & Members<NonNullable<T>>;

type Members<T> = unknown extends T
  ? { readonly [name: string]: Result<unknown> }
  : T extends readonly unknown[]
    ? number extends T["length"]
      ? { readonly [index: number]: Result<T[number]> }
      : { readonly [index in Exclude<keyof T, keyof unknown[]>]: Result<T[index]> }
    : T extends object
      ? { readonly [name in keyof T]-?: Result<T[name]> }
      : unknown;

/** What may be given where a `T` is wanted: the value, a reference, text with expressions, and that in all its members. */
export type Given<T> = unknown extends T
  ? unknown
  :
      | Ref<T>
      | (T extends string
          ? T | `${string}\${${string}`
          : T extends number | boolean
            ? T | `\${${string}}`
            : T extends readonly (infer I)[]
              ? readonly Given<I>[]
              : T extends object
                ? { readonly [name in keyof T]: Given<T[name]> }
                : T);

/** What a value with references in it gives. */
export type Resolved<T> =
  T extends Ref<infer V>
    ? V
    : T extends readonly unknown[]
      ? { -readonly [index in keyof T]: Resolved<T[index]> }
      : T extends object
        ? { -readonly [name in keyof T]: Resolved<T[name]> }
        : T;

const OWN: ReadonlySet<string> = new Set(["toString", "toJSON", "valueOf", "constructor"]);

/** `expression`: CEL, without `${}` around it. */
export function resultOf<T>(expression: string): Result<T> {
  return new Proxy(new Ref<T>(expression), {
    get(target, member) {
      if (typeof member === "symbol" || OWN.has(member)) {
        const own = Reflect.get(target, member, target) as unknown;
        return typeof own === "function" && member !== "constructor" ? own.bind(target) : own;
      }
      return resultOf(memberOf(expression, member));
    },
  }) as unknown as Result<T>;
}

function memberOf(expression: string, member: string): string {
  if (/^\d+$/.test(member)) return `${expression}[${member}]`;
  return /^[A-Za-z_]\w*$/.test(member) && !RESERVED.has(member)
    ? `${expression}.${member}`
    : `${expression}[${JSON.stringify(member)}]`;
}

/** Words that CEL keeps for itself. */
const RESERVED: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** The expression of a reference, without `${}` around it. */
export function bareExpression(value: unknown): string {
  if (value instanceof Ref) return String(value).slice(2, -1);
  return JSON.stringify(value) ?? "null";
}

/**
 * An expression (CEL) over references; what else is put into it becomes a literal.
 *
 * @example
 * cel<boolean>`${order.total} > ${limit} && ${order.state} == ${"open"}`
 */
export function cel<T = unknown>(texts: TemplateStringsArray, ...values: readonly unknown[]): Result<T> {
  const parts = texts.flatMap((text, index) =>
    index < values.length ? [text, bareExpression(values[index])] : [text],
  );
  return resultOf<T>(parts.join(""));
}

/** What a step's `when` may be: `cel`...``, or CEL as text, in which `${...}` of references may stand. */
export type Condition = Ref<boolean> | Ref | string;

export function conditionText(condition: Condition): string {
  if (condition instanceof Ref) return bareExpression(condition);
  return condition.replaceAll(/\$\{([^{}]*)\}/g, "($1)");
}
