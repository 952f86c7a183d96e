/**
 * Schemas made functions by Ajv, which is loaded with the first of them.
 *
 * Ajv writes code; a schema's texts come into it as JSON literals only, and keywords are known beforehand (form.ts), so that
 * none of its own extensions ($async, $data) are there. Each schema has an Ajv of its own, so that names ($id) of one are not
 * those of another, and all of it is garbage when the schema is. What could take for ever is replaced: patterns, uniqueItems;
 * references are counted while they are followed.
 */
import { createRequire } from "node:module";
import type { Ajv, AnySchema, Options, ValidateFunction } from "ajv";
import type * as Formats from "ajv-formats/dist/formats.js";
import { refuse } from "../../../diagnostics/diagnostic.ts";
import { canonicalJson } from "../../../model/equality.ts";
import type { Completed, SchemaCheck } from "../json-schema.ts";
import { FORMATS, LONGEST_FORMATTED } from "./formats.ts";
import { type SchemaSource, VISIT } from "./form.ts";
import { patternOf } from "./pattern.ts";
import { type Violation, violationsOf } from "./violations.ts";

export interface Compiled {
  readonly check: SchemaCheck;
  readonly complete: (value: unknown) => Completed;
}

type AjvClass = new (options: Options) => Ajv;

/** References followed in one check: a schema that refers to itself in several ways could go on for ever. */
const MOST_VISITS = 5_000_000;
/** Values of something of which all that is wrong is told; of larger ones the first. */
const MANY = 100_000;

const load = createRequire(import.meta.url);
let loaded: { readonly Ajv: AjvClass; readonly meta: Ajv } | undefined;
/** What is left of `MOST_VISITS`; a check is never interrupted by another. */
let visits = 0;

class TooManyVisits extends Error {}

/** Refuses with InvalidSchema. */
export function compile({ schema, hasDefaults }: SchemaSource): Compiled {
  const { meta } = ajv();
  if (meta.validateSchema(schema as AnySchema) !== true) {
    const [first] = violationsOf(meta.errors ?? [], schema);
    return invalid(first?.message ?? "", first?.path);
  }
  const functions = new Map<string, ValidateFunction>();
  const functionFor = (allErrors: boolean, useDefaults: boolean): ValidateFunction => {
    const key = `${String(allErrors)} ${String(useDefaults)}`;
    const made = functions.get(key) ?? functionOf(schema, { allErrors, useDefaults });
    functions.set(key, made);
    return made;
  };
  functionFor(false, false);
  const check: SchemaCheck = (value) => {
    const found = run(functionFor(false, false), value);
    return found.length === 0 || isLarge(value) ? found : run(functionFor(true, false), value);
  };
  const complete = (value: unknown): Completed => {
    if (!hasDefaults) return { value, violations: check(value) };
    const copy = structuredClone(value);
    return { value: copy, violations: run(functionFor(!isLarge(value), true), copy) };
  };
  return { check, complete };
}

function run(validate: ValidateFunction, value: unknown): readonly Violation[] {
  visits = MOST_VISITS;
  try {
    return validate(value) ? [] : violationsOf(validate.errors ?? [], value);
  } catch (error) {
    if (!(error instanceof TooManyVisits || error instanceof RangeError)) throw error;
    return [{ path: "", message: "It cannot be checked: its schema refers to itself too many times." }];
  }
}

function functionOf(schema: object | boolean, options: Options): ValidateFunction {
  const own = instance({ ...options, meta: false, validateSchema: false });
  try {
    return own.compile(schema as AnySchema);
  } catch (error) {
    const { missingRef } = error as { readonly missingRef?: string };
    if (missingRef !== undefined)
      return invalid(`Nothing here is called '${missingRef.slice(0, 200)}', and nothing is fetched.`);
    return invalid(error instanceof Error ? `${error.message.split("\n")[0] ?? ""}.` : "It cannot be read.");
  }
}

function invalid(message: string, path?: string): never {
  return refuse({
    code: "InvalidSchema",
    ...(path === undefined || path === "" ? {} : { path }),
    message: `This is no JSON Schema that can be checked. ${message}`,
    hint: "Use JSON Schema draft 2020-12.",
  });
}

function ajv(): NonNullable<typeof loaded> {
  if (loaded !== undefined) return loaded;
  const { Ajv2020 } = load("ajv/dist/2020.js") as { readonly Ajv2020: AjvClass };
  const meta = new Ajv2020({ strict: false, logger: false, validateFormats: false, verbose: true });
  return (loaded = { Ajv: Ajv2020, meta });
}

function instance(options: Options): Ajv {
  const { Ajv: Validator } = ajv();
  const regExp = Object.assign(patternOf, { code: "patternOf" });
  const own = new Validator({
    strict: false,
    logger: false,
    // A reference that is followed is a call, which is counted.
    inlineRefs: false,
    ownProperties: true,
    verbose: true,
    multipleOfPrecision: 9,
    code: { regExp },
    ...options,
  });
  addFormats(own);
  own.removeKeyword("uniqueItems");
  own.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    errors: false,
    validate: (isWanted: boolean, items: readonly unknown[]) => !isWanted || areUnique(items),
  });
  own.addKeyword({ keyword: VISIT, before: "$ref", errors: false, validate: visit });
  return own;
}

function visit(): true {
  if (--visits < 0) throw new TooManyVisits();
  return true;
}

function addFormats(own: Ajv): void {
  const { fullFormats } = load("ajv-formats/dist/formats.js") as typeof Formats;
  for (const name of FORMATS.keys()) {
    const format = (fullFormats as Readonly<Record<string, unknown>>)[name];
    own.addFormat(name, {
      type: "string",
      validate: (text: string) => text.length <= LONGEST_FORMATTED && fits(format, text),
    });
  }
}

function fits(format: unknown, text: string): boolean {
  if (format instanceof RegExp) return format.test(text);
  const validate =
    typeof format === "function" ? format : (format as { readonly validate: unknown }).validate;
  return validate instanceof RegExp ? validate.test(text) : (validate as (text: string) => boolean)(text);
}

/** In linear time, whatever they are. */
function areUnique(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>();
  for (const item of items) {
    const key = typeof item === "object" && item !== null ? `{${canonicalJson(item)}` : keyOf(item);
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}

/** A text is never mistaken for what an object is written as. */
function keyOf(item: unknown): unknown {
  return typeof item === "string" ? `"${item}` : item;
}

function isLarge(value: unknown): boolean {
  let left = MANY;
  const open = [value];
  for (let one = open.pop(); open.length > 0 || one !== undefined; one = open.pop()) {
    if (--left < 0) return true;
    if (typeof one === "object" && one !== null) for (const member of Object.values(one)) open.push(member);
  }
  return false;
}
