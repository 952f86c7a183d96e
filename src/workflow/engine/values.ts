/** Templates and conditions of a definition, evaluated against what a step may see. */
import {
  type Expression,
  type Template,
  evaluateTemplate,
  hasExpression,
  parseExpression,
  parseTemplate,
} from "../../model/expression.ts";
import { isSecretReference } from "../definition/secret-reference.ts";
import { failed } from "../run/events.ts";
import { StepFailure } from "./failures.ts";
import { SecretText } from "./secret-text.ts";

/** No roots of its own. */
export const NOTHING: Readonly<Record<string, unknown>> = {};

/** What expressions at a place see; a scope within another sees what that sees. */
export class View {
  readonly #outer: View | undefined;
  readonly #roots: Readonly<Record<string, unknown>>;
  #results: Map<string, unknown> | undefined;

  constructor(roots: Readonly<Record<string, unknown>>, outer?: View) {
    this.#outer = outer;
    this.#roots =
      outer === undefined ? roots : roots === NOTHING ? outer.#roots : { ...outer.#roots, ...roots };
  }

  record(step: string, result: unknown): void {
    this.#results ??= new Map();
    this.#results.set(step, result);
  }

  results(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#results ?? []);
  }

  /** The value with each text that holds an expression replaced by what it gives. */
  resolve(value: unknown): unknown {
    if (typeof value === "string") return hasExpression(value) ? this.#template(value) : value;
    if (typeof value !== "object" || value === null || value instanceof SecretText) return value;
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.resolve(member)]));
  }

  holds(condition: string): boolean {
    return this.#guarded(condition, () => {
      const expression = conditionOf(condition);
      return expression.evaluate(this.#context([expression])) === true;
    });
  }

  #template(text: string): unknown {
    return this.#guarded(text, () => {
      const template = parseTemplate(text);
      const expressions = template.parts.filter((part) => typeof part !== "string");
      const secret = expressions.some(isSecretReference);
      return secret ? this.#secretText(template) : evaluateTemplate(template, this.#context(expressions));
    });
  }

  #secretText({ parts }: Template): SecretText {
    return new SecretText(
      parts.map((part) => {
        if (typeof part === "string") return part;
        const [reference] = part.references;
        if (isSecretReference(part) && reference !== undefined)
          return { root: reference.root, name: reference.name, path: reference.path.map(String) };
        return String(evaluateTemplate({ parts: ["", part] }, this.#context([part])));
      }),
    );
  }

  /** Only what the expressions read: there may be many results, and parameters may be long lists. */
  #context(expressions: readonly Expression[]): Readonly<Record<string, unknown>> {
    const step: Record<string, unknown> = {};
    const param: Record<string, unknown> = {};
    const context: Record<string, unknown> = { ...this.#roots, step, param };
    const given = (this.#roots["param"] ?? {}) as Readonly<Record<string, unknown>>;
    for (const { references } of expressions)
      for (const { root, name } of references) {
        if (root === "step") step[name] = this.#result(name) ?? null;
        else if (root === "param" && name === "") Object.assign(param, given);
        else if (root === "param" && Object.hasOwn(given, name)) param[name] = given[name];
      }
    return context;
  }

  #result(step: string): unknown {
    if (this.#results?.has(step) === true) return this.#results.get(step);
    return this.#outer === undefined ? undefined : this.#outer.#result(step);
  }

  /** `source`: as the definition has it, for who is to find the place. */
  #guarded<T>(source: string, evaluate: () => T): T {
    try {
      return evaluate();
    } catch (error) {
      const [line = ""] = String((error as Error).message).split("\n");
      const shown = source.length > LONGEST_SOURCE ? `${source.slice(0, LONGEST_SOURCE)}...` : source;
      throw new StepFailure(failed("Terminal", "InvalidExpression", `${line} (in ${shown})`));
    }
  }
}

/** Characters of an expression in the words of a failure. */
const LONGEST_SOURCE = 200;

const conditions = new Map<string, Expression>();

function conditionOf(source: string): Expression {
  const known = conditions.get(source);
  if (known !== undefined) return known;
  const expression = parseExpression(source);
  if (conditions.size >= 10_000) conditions.clear();
  conditions.set(source, expression);
  return expression;
}

/** Whether there is anything to resolve in it. */
export function holdsExpression(value: unknown): boolean {
  if (typeof value === "string") return hasExpression(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(holdsExpression);
}
