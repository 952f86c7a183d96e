/**
 * The values of a system's parameters in this use of it.
 *
 * First found wins: `--set name=value`, a file of values, TUTTI_PARAM_NAME in the environment, the System's own
 * `spec.values`, the default.
 */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";

export interface Given {
  /** `--set`: texts, read by the parameter's type. */
  readonly set: Readonly<Record<string, unknown>>;
  /** From files of values; as typed there. */
  readonly files: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The System's own. */
  readonly own: Readonly<Record<string, unknown>>;
}

export interface DeclaredParameter {
  readonly type: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly unknown[];
}

export interface Valued {
  readonly values: Readonly<Record<string, string | number | boolean>>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The parameters with the type of those that give none: that of their default. */
export function typed(
  parameters: Readonly<Record<string, Omit<DeclaredParameter, "type"> & { readonly type?: string }>>,
): Readonly<Record<string, DeclaredParameter>> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => [
      name,
      { ...parameter, type: parameter.type ?? typeOf(parameter.default) },
    ]),
  );
}

function typeOf(value: unknown): string {
  if (typeof value === "boolean") return "boolean";
  if (typeof value !== "number") return "string";
  return Number.isInteger(value) ? "integer" : "number";
}

/** `elsewhere`: names of those that may do without a value here. */
export function valuesOf(
  parameters: Readonly<Record<string, DeclaredParameter>>,
  given: Given,
  address: string,
  elsewhere: ReadonlySet<string> = new Set(),
): Valued {
  const diagnostics: Diagnostic[] = [...unknown(parameters, given, address)];
  const values: Record<string, string | number | boolean> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const found = find(name, parameter, given);
    if (found === undefined) {
      if (!elsewhere.has(name)) diagnostics.push(missing(name, parameter, address));
      continue;
    }
    const value = read(found.value, parameter, found.isText);
    if (value === undefined || !isAllowed(value, parameter))
      diagnostics.push(misfit(name, parameter, found.from, address));
    else values[name] = value;
  }
  return { values, diagnostics };
}

interface FoundValue {
  readonly value: unknown;
  /** A text that stands for a value of another type. */
  readonly isText: boolean;
  /** `--set`, `the default`. */
  readonly from: string;
}

function find(name: string, parameter: DeclaredParameter, given: Given): FoundValue | undefined {
  if (Object.hasOwn(given.set, name)) return { value: given.set[name], isText: true, from: `--set ${name}` };
  if (Object.hasOwn(given.files, name))
    return { value: given.files[name], isText: false, from: "the file of values" };
  for (const variable of variablesOf(name)) {
    const value = given.env[variable];
    if (value !== undefined) return { value, isText: true, from: variable };
  }
  if (Object.hasOwn(given.own, name)) return { value: given.own[name], isText: false, from: "spec.values" };
  return parameter.default === undefined
    ? undefined
    : { value: parameter.default, isText: false, from: "the default" };
}

/** `maxSize` may be given as TUTTI_PARAM_MAX_SIZE or TUTTI_PARAM_MAXSIZE. */
function variablesOf(name: string): readonly string[] {
  const upper = (text: string): string => `TUTTI_PARAM_${text.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
  return [...new Set([upper(name.replace(/([a-z0-9])([A-Z])/g, "$1_$2")), upper(name)])];
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Undefined when it is of another type. */
function read(
  value: unknown,
  parameter: DeclaredParameter,
  isText: boolean,
): string | number | boolean | undefined {
  if (isText && typeof value === "string") return parse(value.trim(), value, parameter.type);
  switch (parameter.type) {
    case "integer":
      return Number.isSafeInteger(value) ? (value as number) : undefined;
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    default:
      return typeof value === "string" ? value : undefined;
  }
}

const TRUTHS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  yes: true,
  no: false,
  "1": true,
  "0": false,
};

function parse(text: string, whole: string, type: string): string | number | boolean | undefined {
  if (type === "boolean") return TRUTHS[text.toLowerCase()];
  if (type === "integer" || type === "number") {
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    return read(value, { type }, false);
  }
  return whole;
}

function isAllowed(value: string | number | boolean, parameter: DeclaredParameter): boolean {
  return parameter.enum === undefined || parameter.enum.includes(value);
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function wanted(parameter: DeclaredParameter): string {
  return parameter.enum === undefined
    ? (TYPES[parameter.type] ?? parameter.type)
    : `one of ${parameter.enum.map(String).join(", ")}`;
}

/** Says where the value came from but not what it is: it may be a secret in the wrong place. */
function misfit(name: string, parameter: DeclaredParameter, from: string, address: string): Diagnostic {
  const path =
    from === "the default"
      ? `spec.parameters.${name}.default`
      : from === "spec.values"
        ? `spec.values.${name}`
        : `spec.parameters.${name}`;
  return {
    severity: "error",
    code: "InvalidParameter",
    address,
    path,
    message: `The parameter '${name}' must be ${wanted(parameter)}; ${from} gives something else.`,
    ...described(parameter),
  };
}

function missing(name: string, parameter: DeclaredParameter, address: string): Diagnostic {
  const about = parameter.description === undefined ? "" : ` (${parameter.description.replace(/\.$/, "")})`;
  return {
    severity: "error",
    code: "MissingParameter",
    address,
    path: `spec.parameters.${name}`,
    message: `The parameter '${name}'${about} has no value.`,
    hint: `Give it: --set ${name}=<${parameter.type}>, or set ${variablesOf(name)[0] ?? ""}.`,
  };
}

function described(parameter: DeclaredParameter): { readonly hint?: string } {
  return parameter.description === undefined ? {} : { hint: parameter.description };
}

function unknown(
  parameters: Readonly<Record<string, DeclaredParameter>>,
  given: Given,
  address: string,
): readonly Diagnostic[] {
  const known = Object.keys(parameters);
  const names = [
    ...new Set([...Object.keys(given.set), ...Object.keys(given.files), ...Object.keys(given.own)]),
  ].filter((name) => !known.includes(name));
  return names.map((name) => ({
    severity: "error",
    code: "UnknownParameter",
    address,
    ...(Object.hasOwn(given.own, name) ? { path: `spec.values.${name}` } : {}),
    message: `There is no parameter '${name.slice(0, 80)}'.`,
    hint:
      didYouMean(name, known) ??
      (known.length === 0 ? "The system has no parameters." : `There is: ${known.join(", ")}.`),
  }));
}
