/**
 * What is wrong with the shape of a value, in sentences for people: what a Zod schema finds, with what the JSON Schema of the
 * same says of the place.
 */
import type { z } from "zod";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { hasExpression } from "../model/expression.ts";
import { type Path, pathText, valueAt } from "../model/walk.ts";
import { type JsonSchema, schemaAt } from "./schema.ts";

export type Finding = Omit<Diagnostic, "severity" | "address">;

/** Of one issue that Zod found in `body`. An expression stands for a value of any type: nothing is wrong with it. */
export function shapeFindings(
  schema: JsonSchema,
  body: unknown,
  issue: z.core.$ZodIssue,
): readonly Finding[] {
  const path = issue.path as Path;
  const value = valueAt(body, path);
  if (typeof value === "string" && hasExpression(value)) return [];
  if (issue.code === "unrecognized_keys") {
    const known = fieldsAt(schema, path, value);
    return issue.keys.map((key) => unknownField(pathText([...path, key]), key, known));
  }
  if (issue.code === "invalid_union") return [unionFinding(schema, body, issue)];
  if (value === undefined && issue.code === "invalid_type")
    return [
      { code: "MissingField", path: pathText(path), message: "It is required.", ...describe(schema, path) },
    ];
  return [
    {
      code: issue.code === "invalid_type" ? "WrongType" : "InvalidValue",
      path: pathText(path),
      message: wrongValue(issue, value),
      ...describe(schema, path),
    },
  ];
}

/** Of a union's branches the one whose type fits says what is wrong within; when none fits, the types wanted are named. */
function unionFinding(schema: JsonSchema, body: unknown, issue: z.core.$ZodIssueInvalidUnion): Finding {
  const path = issue.path as Path;
  const value = valueAt(body, path);
  if ("options" in issue && value !== undefined) return noSuchAlternative(path, value, issue.options ?? []);
  const inner = issue.errors.find((branch) =>
    branch.every((problem) => problem.code !== "invalid_type" || problem.path.length > 0),
  )?.[0];
  if (value !== undefined && inner !== undefined)
    return (
      shapeFindings(schema, body, { ...inner, path: [...path, ...inner.path] })[0] ?? {
        code: "InvalidValue",
        path: pathText(path),
        message: inner.message,
      }
    );
  if (value === undefined)
    return {
      code: "MissingField",
      path: pathText(path),
      message: "It is required.",
      ...describe(schema, path),
    };
  const wanted = (schemaAt(schema, path)?.anyOf ?? []).map((branch) => String(branch.type)).join(" or ");
  return {
    code: "WrongType",
    path: pathText(path),
    message: `It must be ${wanted}, not ${typeName(value)}.`,
    ...describe(schema, path),
  };
}

/** Alternatives that a field tells apart, such as the types of a step. */
function noSuchAlternative(path: Path, value: unknown, options: readonly z.core.util.Primitive[]): Finding {
  const known = options.map(String);
  return {
    code: "InvalidValue",
    path: pathText(path),
    message: `It must be one of ${known.join(", ")}${typeof value === "string" ? "" : `, not ${typeName(value)}`}.`,
    ...hintOf(typeof value === "string" ? didYouMean(value, known) : undefined),
  };
}

function hintOf(hint: string | undefined): { readonly hint?: string } {
  return hint === undefined ? {} : { hint };
}

/** What an object at the place may have: of alternatives, that which its own `type` names, or all of them. */
function fieldsAt(schema: JsonSchema, path: Path, value: unknown): readonly string[] {
  const alternatives = alternativesOf(schemaAt(schema, path));
  const type: unknown = (value as { readonly type?: unknown } | undefined)?.type;
  const meant = alternatives.filter(({ properties }) => properties?.["type"]?.const === type);
  const all = (meant.length === 0 ? alternatives : meant).flatMap(({ properties }) =>
    Object.keys(properties ?? {}),
  );
  return [...new Set(all)];
}

function alternativesOf(schema: JsonSchema | undefined): readonly JsonSchema[] {
  return schema?.anyOf?.flatMap(alternativesOf) ?? (schema === undefined ? [] : [schema]);
}

function wrongValue(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "invalid_type")
    return `It must be ${article(String(issue.expected))}, not ${typeName(value)}.`;
  if (issue.code === "invalid_value") return `It must be one of ${issue.values.map(String).join(", ")}.`;
  return `It ${issue.message.startsWith("must") ? issue.message : `is not valid: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`}.`;
}

function article(type: string): string {
  const names: Readonly<Record<string, string>> = {
    int: "a whole number",
    number: "a number",
    string: "a text",
    boolean: "true or false",
    array: "a list",
    object: "an object",
    record: "an object",
  };
  return names[type] ?? type;
}

function describe(schema: JsonSchema, path: Path): { readonly hint?: string } {
  const description = schemaAt(schema, path)?.description;
  return description === undefined ? {} : { hint: description };
}

export function unknownField(path: string, field: string, known: readonly string[]): Finding {
  return {
    code: "UnknownField",
    path,
    message: `There is no field '${field.slice(0, 80)}' here.`,
    hint:
      didYouMean(field, known) ?? (known.length === 0 ? "Remove it." : `Known fields: ${known.join(", ")}.`),
  };
}

export function typeName(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return (
    { string: "a text", number: "a number", boolean: "true or false", object: "an object" }[
      typeof value as "string"
    ] ?? typeof value
  );
}
