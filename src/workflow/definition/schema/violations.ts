/** What a validator found, as sentences for people: what is wanted, and nothing of the value but the type it has. */
import type { ErrorObject } from "ajv";
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import { type Path, pathText } from "../../../model/walk.ts";
import { FORMATS } from "./formats.ts";

export interface Violation {
  /** `items[0].count`; empty for the value itself. */
  readonly path: string;
  /** A sentence. */
  readonly message: string;
}

/** What is told of one value; whoever has more to mend than that begins with these. */
const MOST = 100;
const MOST_LISTED = 20;

/** `errors`: with `parentSchema` and `data` (Ajv's `verbose`). */
export function violationsOf(errors: readonly ErrorObject[], value: unknown): readonly Violation[] {
  const told = new Map<string, Violation>();
  for (const error of withoutBranches(errors)) {
    const message = sentenceOf(error);
    if (message === undefined) continue;
    const path = pathText([...pathIn(error.instancePath, value), ...memberOf(error)]);
    told.set(`${path} ${message}`, { path, message });
    if (told.size === MOST) break;
  }
  return [...told.values()];
}

/**
 * Of alternatives (anyOf, oneOf) one sentence, unless a single one of them is of the value's type: then what is wrong with
 * that. Of names (propertyNames) and conditions (if) what is said of the whole, or of what follows.
 */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const dropped = new Set<ErrorObject>();
  for (const error of errors) {
    const inner = errors.filter(
      (one) => one !== error && one.schemaPath.startsWith(`${error.schemaPath}/`) && isWithin(one, error),
    );
    if (error.keyword === "propertyNames")
      for (const one of errors) if (one.propertyName === error.params["propertyName"]) dropped.add(one);
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") continue;
    const branches = Map.groupBy(inner, (one) => branchOf(one, error));
    const fitting = [...branches.values()].filter((branch) => !branch.some((one) => isOfType(one, error)));
    if (fitting.length === 1) dropped.add(error);
    const kept = new Set(fitting.length === 1 ? fitting[0] : []);
    for (const one of inner) if (!kept.has(one)) dropped.add(one);
  }
  return errors.filter((one) => !dropped.has(one));
}

function isWithin(one: ErrorObject, { instancePath }: ErrorObject): boolean {
  return one.instancePath === instancePath || one.instancePath.startsWith(`${instancePath}/`);
}

function branchOf({ schemaPath }: ErrorObject, { schemaPath: whole }: ErrorObject): string {
  return schemaPath.slice(whole.length + 1).split("/")[0] ?? "";
}

/** The value itself is of the wrong type. */
function isOfType({ keyword, instancePath }: ErrorObject, whole: ErrorObject): boolean {
  return (keyword === "type" || keyword === "const") && instancePath === whole.instancePath;
}

type Parameters = Readonly<Record<string, unknown>>;

const SENTENCES: Readonly<
  Record<string, (parameters: Parameters, error: ErrorObject) => string | undefined>
> = {
  type: ({ type }, { data }) =>
    `It must be ${[type].flat().map(typeText).join(" or ")}, not ${typeText(typeOf(data))}.`,
  required: () => "It is required.",
  dependentRequired: ({ property }) => `It is required where '${String(property)}' is given.`,
  additionalProperties: ({ additionalProperty }, error) => unknownField(String(additionalProperty), error),
  unevaluatedProperties: ({ unevaluatedProperty }, error) => unknownField(String(unevaluatedProperty), error),
  propertyNames: () => "Nothing may be called so here.",
  enum: ({ allowedValues }) => `It must be one of ${listed(allowedValues as readonly unknown[])}.`,
  const: ({ allowedValue }) => `It must be ${listed([allowedValue])}.`,
  format: ({ format }) => `It must be ${FORMATS.get(String(format)) ?? `a ${String(format)}`}.`,
  pattern: ({ pattern }) => `It must match the pattern ${String(pattern)}.`,
  minimum: ({ limit }) => `It must be at least ${String(limit)}.`,
  maximum: ({ limit }) => `It must be at most ${String(limit)}.`,
  exclusiveMinimum: ({ limit }) => `It must be more than ${String(limit)}.`,
  exclusiveMaximum: ({ limit }) => `It must be less than ${String(limit)}.`,
  multipleOf: ({ multipleOf }) => `It must be a multiple of ${String(multipleOf)}.`,
  minLength: ({ limit }) => `It must have at least ${counted(limit, "character")}.`,
  maxLength: ({ limit }) => `It must have at most ${counted(limit, "character")}.`,
  minItems: ({ limit }) => `It must hold at least ${counted(limit, "item")}.`,
  maxItems: ({ limit }) => `It must hold at most ${counted(limit, "item")}.`,
  minProperties: ({ limit }) => `It must hold at least ${counted(limit, "field")}.`,
  maxProperties: ({ limit }) => `It must hold at most ${counted(limit, "field")}.`,
  items: ({ limit }) => `It must hold at most ${counted(limit, "item")}.`,
  uniqueItems: () => "Its items must all differ.",
  contains: ({ minContains = 1, maxContains }) =>
    maxContains === undefined
      ? `At least ${counted(minContains, "item")} of it must be as 'contains' says.`
      : `From ${String(minContains)} to ${counted(maxContains, "item")} of it must be as 'contains' says.`,
  not: () => "It is what its schema excludes.",
  anyOf: (_, error) => alternatives(error),
  oneOf: ({ passingSchemas }, error) =>
    passingSchemas === null || passingSchemas === undefined
      ? alternatives(error)
      : "It fits several alternatives of which it must fit one only.",
  "false schema": () => "Nothing may stand here.",
  if: () => undefined,
};

function sentenceOf(error: ErrorObject): string | undefined {
  const sentence = SENTENCES[error.keyword];
  return sentence === undefined
    ? `It is not as '${error.keyword}' of its schema says.`
    : sentence(error.params as Parameters, error);
}

/** Where it is the absent or unknown member of an object that is wrong. */
function memberOf({ keyword, params }: ErrorObject): Path {
  const named = params as Readonly<Record<string, string | undefined>>;
  if (keyword === "required" || keyword === "dependentRequired") return [named["missingProperty"] ?? ""];
  const name = named["additionalProperty"] ?? named["unevaluatedProperty"];
  if (name !== undefined) return [name.slice(0, 80)];
  return keyword === "propertyNames" ? [(named["propertyName"] ?? "").slice(0, 80)] : [];
}

function unknownField(name: string, { parentSchema }: ErrorObject): string {
  const { properties = {} } = (parentSchema ?? {}) as { readonly properties?: object };
  const hint = didYouMean(name, Object.keys(properties));
  return `There is no such field here.${hint === undefined ? "" : ` ${hint}`}`;
}

/** `It must be a text or nothing`, where the alternatives are but types. */
function alternatives({ schema, data }: ErrorObject): string {
  const types = (schema as readonly { readonly type?: unknown }[]).map(({ type }) => type);
  if (!types.every((type) => typeof type === "string" && type !== typeOf(data)))
    return "It fits none of the alternatives that its schema allows.";
  return `It must be ${[...new Set(types.map(typeText))].join(" or ")}, not ${typeText(typeOf(data))}.`;
}

function listed(values: readonly unknown[]): string {
  const texts = values.slice(0, MOST_LISTED).map((one) => {
    const text = typeof one === "string" ? one : (JSON.stringify(one) ?? "nothing");
    return text.length > 80 ? `${text.slice(0, 80)}...` : text;
  });
  return [...texts, ...(values.length > MOST_LISTED ? ["..."] : [])].join(", ");
}

function counted(count: unknown, what: string): string {
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function typeText(type: unknown): string {
  return TYPES[String(type)] ?? String(type);
}

const TYPES: Readonly<Record<string, string>> = {
  null: "nothing",
  array: "a list",
  object: "an object",
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  undefined: "absent",
};

/** Of a JSON pointer. */
function pathIn(pointer: string, value: unknown): Path {
  const path: (string | number)[] = [];
  let current = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    const step = Array.isArray(current) ? Number(name) : name;
    path.push(step);
    current = (current as Readonly<Record<string | number, unknown>> | undefined)?.[step];
  }
  return path;
}
