/** The TypeScript of what people write, from the JSON Schema of the kinds. */
import * as registered from "../../src/kinds/index.ts";
import type { AnyKind } from "../../src/kinds/kind.ts";
import { type JsonSchema, bodySchema } from "../../src/kinds/schema.ts";

const HEAD = `/* oxlint-disable max-lines -- as long as there are kinds */
// Written by scripts/generate.ts from src/kinds: run \`npm run generate\` after changing a kind.
import * as kinds from "../kinds/index.ts";
import { type Builder, type KeyedBuilder, type RequiredBuilder, type Name, type Numeric, type OneOf, type Ref, type Text, type Truth, remembering } from "./builder.ts";
`;

export function typesModule(): string {
  const declarable = Object.entries(registered as unknown as Record<string, AnyKind>).filter(
    ([name, kind]) => kind.declarable && name !== "system",
  );
  return [HEAD, ...declarable.map(([name, kind]) => kindText(name, kind))].join("\n");
}

/** The schema of the builder's second argument: the spec, or the body of kinds that have none. */
export function specSchema(kind: AnyKind): JsonSchema {
  const body = bodySchema(kind);
  return body.properties?.["spec"] ?? body;
}

function kindText(name: string, kind: AnyKind): string {
  const spec = specSchema(kind);
  const required = (spec.required ?? []).length > 0;
  return [
    docText([kind.description]),
    `export interface ${kind.kind}Spec ${objectType(spec)}`,
    "",
    ...(isKeyed(kind)
      ? []
      : [docText([`What a ${kind.kind} puts out, for others to refer to.`]), outputsText(kind), ""]),
    docText([kind.description, "", "@example", exampleText(name, kind)]),
    `export const ${name} = remembering<${builderType(kind, required)}>(kinds.${name});`,
    "",
  ].join("\n");
}

function builderType(kind: AnyKind, required: boolean): string {
  const plain = `Builder<${kind.kind}Spec, ${kind.kind}Outputs>`;
  if (isKeyed(kind)) return `KeyedBuilder<${kind.kind}Spec>`;
  return required ? `RequiredBuilder<${kind.kind}Spec, ${kind.kind}Outputs>` : plain;
}

/** Kinds whose outputs are the keys they are declared with. */
function isKeyed(kind: AnyKind): boolean {
  return kind.kind === "ConfigMap" || kind.kind === "Secret";
}

function outputsText(kind: AnyKind): string {
  const outputs = Object.entries(kind.outputs);
  const status =
    (kind.status as unknown as { readonly shape?: Readonly<Record<string, unknown>> }).shape ?? {};
  const members = outputs.map(([name, output]) => {
    const type = isNumber(status[output.path[1] ?? ""]) ? "number" : "string";
    return `${docText([output.description])}\nreadonly ${name}: Ref<${type}>;`;
  });
  return members.length === 0
    ? `export type ${kind.kind}Outputs = Readonly<Record<never, never>>;`
    : `export interface ${kind.kind}Outputs {\n${members.join("\n")}\n}`;
}

function isNumber(schema: unknown): boolean {
  const definition = (
    schema as { readonly def?: { readonly type?: string; readonly innerType?: unknown } } | undefined
  )?.def;
  if (definition?.type === "optional") return isNumber(definition.innerType);
  return definition?.type === "number" || definition?.type === "int";
}

function exampleText(name: string, kind: AnyKind): string {
  const example = kind.example as Readonly<Record<string, unknown>>;
  return `${name}("example", ${JSON.stringify(example["spec"] ?? example, undefined, 1)
    .replace(/\n\s*/g, " ")
    .replace(/"(\w+)":/g, "$1:")});`;
}

function docText(lines: readonly string[]): string {
  const safe = lines.flatMap((line) => line.replaceAll("*/", "*\\/").split("\n"));
  return safe.length === 1
    ? `/** ${safe[0]} */`
    : `/**\n${safe.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */`;
}

function objectType(schema: JsonSchema): string {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const doc = [member.description ?? "", ...notes(member)].filter((line) => line !== "");
    const head = doc.length === 0 ? "" : `${docText(doc)}\n`;
    return `${head}readonly ${name}${required.has(name) ? "" : "?"}: ${typeOf(member)};`;
  });
  return `{\n${members.join("\n")}\n}`;
}

function notes(schema: JsonSchema): readonly string[] {
  const short =
    schema.default !== undefined && JSON.stringify(schema.default).length <= 60 && !isEmpty(schema.default);
  return [
    ...(schema.immutable === true ? ["Changing it means making the thing anew."] : []),
    ...(short ? [`@default ${JSON.stringify(schema.default)}`] : []),
  ];
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: "Text",
  integer: "Numeric",
  number: "Numeric",
  boolean: "Truth",
  null: "null",
};

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return union(schema.anyOf.map(typeOf));
  if (schema.references !== undefined) return "Name";
  if (schema.enum !== undefined)
    return `OneOf<${schema.enum.map((value) => JSON.stringify(value)).join(" | ")}>`;
  if (typeof schema.type === "object") return union(schema.type.map((type) => SCALARS[type] ?? "unknown"));
  if (schema.type === "array")
    return `readonly (${schema.items === undefined ? "unknown" : typeOf(schema.items)})[]`;
  if (schema.type === "object") return recordOrObject(schema);
  return SCALARS[schema.type ?? ""] ?? "unknown";
}

/** A text may be an expression anyway, so beside one the other types need not say it. */
function union(types: readonly string[]): string {
  const distinct = [...new Set(types)];
  if (!distinct.includes("Text")) return distinct.join(" | ");
  const bare: Readonly<Record<string, string>> = {
    Numeric: "number | Ref<number>",
    Truth: "boolean | Ref<boolean>",
  };
  return distinct.map((type) => bare[type] ?? type).join(" | ");
}

function recordOrObject(schema: JsonSchema): string {
  if (schema.properties !== undefined) return objectType(schema);
  const values = schema.additionalProperties;
  return `Readonly<Record<string, ${typeof values === "object" ? typeOf(values) : "unknown"}>>`;
}
