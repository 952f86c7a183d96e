/**
 * Texts with expressions in which some references stand for something else: another name, or a value that is known already.
 * The rest stays an expression. Works on CEL's syntax tree, so a text literal that looks like a reference is left alone.
 */
import {
  type Expression,
  type Occurrence,
  type Reference,
  evaluateTemplate,
  hasExpression,
  occurrencesIn,
  parseTemplate,
} from "./expression.ts";

/** Another name (and root), or a value (JSON) of what stands under `root.name`. */
export type Substitute = { readonly name: string; readonly root?: string } | { readonly value: unknown };

export type Substitutes = (reference: Reference) => Substitute | undefined;

/**
 * What the text becomes. An expression of which every reference has a value is evaluated: the result keeps its type when it is all
 * of the text. A text in which nothing is replaced is returned as it is. Refuses with InvalidExpression; throws CEL's
 * evaluation error.
 */
export function substituted(text: string, substitutes: Substitutes): unknown {
  if (!hasExpression(text)) return text;
  const { parts } = parseTemplate(text);
  const asked = parts.map((part) => (typeof part === "string" ? [] : part.references.map(substitutes)));
  if (asked.every((answers) => answers.every((answer) => answer === undefined))) return text;
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && typeof first !== "string" && hasValues(asked[0])) {
    const value = valueOf(first, substitutes);
    return typeof value === "string" ? escaped(value) : escapedAll(value);
  }
  return parts
    .map((part, index) => {
      if (typeof part === "string") return escaped(part);
      return hasValues(asked[index])
        ? escaped(inText(valueOf(part, substitutes)))
        : `\${${rewritten(part, substitutes)}}`;
    })
    .join("");
}

/** Plain text, as it is written where expressions may stand. */
export function escaped(text: string): string {
  return text.replaceAll("${", () => "$${");
}

function escapedAll(value: unknown): unknown {
  if (typeof value === "string") return escaped(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(escapedAll);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, escapedAll(member)]));
}

function hasValues(answers: readonly (Substitute | undefined)[] | undefined): boolean {
  return (
    answers !== undefined &&
    answers.length > 0 &&
    answers.every((answer) => answer !== undefined && "value" in answer)
  );
}

function inText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function valueOf(expression: Expression, substitutes: Substitutes): unknown {
  const context: Record<string, Record<string, unknown>> = {};
  for (const reference of expression.references) {
    const answer = substitutes(reference);
    if (answer !== undefined && "value" in answer)
      (context[reference.root] ??= {})[reference.name] = answer.value;
  }
  return evaluateTemplate({ parts: [expression] }, context);
}

function rewritten({ source }: Expression, substitutes: Substitutes): string {
  const { cel, occurrences } = occurrencesIn(source);
  let text = "";
  let at = 0;
  for (const occurrence of occurrences) {
    const [from, to, written] = replacement(cel, occurrence, substitutes(occurrence.reference));
    text += cel.slice(at, from) + written;
    at = to;
  }
  return text + cel.slice(at);
}

function replacement(
  cel: string,
  { reference, all, head }: Occurrence,
  answer: Substitute | undefined,
): readonly [from: number, to: number, text: string] {
  const { root, name, path } = reference;
  if (answer === undefined || "name" in answer)
    return [...head, named(answer?.root ?? root, answer?.name ?? name)];
  const member = path.reduce<unknown>(
    (value, step) => (value as Readonly<Record<string, unknown>> | undefined | null)?.[step],
    answer.value,
  );
  const isPlain = /^[\w.]+$/.test(cel.slice(...all));
  return isPlain && member !== undefined ? [...all, literal(member)] : [...head, literal(answer.value)];
}

/** As people write it: a name with dashes right behind its root belongs together. */
function named(root: string, name: string): string {
  if (name === "") return root;
  return /^([a-zA-Z_]\w*|[a-z0-9]+(-[a-z0-9]+)+)$/.test(name)
    ? `${root}.${name}`
    : `${root}[${JSON.stringify(name)}]`;
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, member]) => `${JSON.stringify(name)}: ${literal(member)}`)
      .join(", ")}}`;
  return typeof value === "number" && value < 0 ? `(${value})` : JSON.stringify(value ?? null);
}
