/** The TypeScript of what people write, from the JSON Schema of the kinds. */
import * as registered from "../../src/kinds/index.ts";
import type { AnyKind } from "../../src/kinds/kind.ts";
import { type JsonSchema, bodySchema } from "../../src/kinds/schema.ts";
import { objectsIn, sharedBy } from "./alternatives.ts";
import { Shapes } from "./shapes.ts";

const HEAD = `/* oxlint-disable max-lines -- as long as there are kinds */
// Written by scripts/generate.ts from src/kinds: run \`npm run generate\` after changing a kind.
import * as kinds from "../kinds/index.ts";
import { type Builder, type KeyedBuilder, type RequiredBuilder, type Name, type Numeric, type OneOf, type Ref, type Text, type Truth, remembering } from "./builder.ts";
`;

/** Names of the builder that the module imports, and of what the language has. */
const TAKEN =
  "Builder KeyedBuilder RequiredBuilder Name Numeric OneOf Ref Text Truth Record Readonly Pick Date Request Response Event".split(
    " ",
  );

export function typesModule(): string {
  const declarable = Object.entries(registered as unknown as Record<string, AnyKind>).filter(
    ([name, kind]) => kind.declarable && name !== "system",
  );
  const shapes = new Shapes(
    declarable.map(([, kind]) => specSchema(kind)),
    [...TAKEN, ...declarable.map(([, kind]) => `${kind.kind}Spec`)],
  );
  const texts = declarable.map(([name, kind]) => kindText(name, kind, new Types(kind.kind, shapes)));
  return [HEAD, ...shapes.declarations(), ...texts].join("\n");
}

/** The schema of the builder's second argument: the spec, or the body of kinds that have none. */
export function specSchema(kind: AnyKind): JsonSchema {
  const body = bodySchema(kind);
  return body.properties?.["spec"] ?? body;
}

function kindText(name: string, kind: AnyKind, types: Types): string {
  const spec = specSchema(kind);
  const required = (spec.required ?? []).length > 0;
  return [
    docText([kind.description]),
    `export interface ${kind.kind}Spec ${types.members(spec, [])}`,
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
  return `${name}("${kind.exampleName}", ${JSON.stringify(example["spec"] ?? example, undefined, 1)
    .replace(/\n\s*/g, " ")
    .replace(/"(\w+)":/g, "$1:")});`;
}

function docText(lines: readonly string[]): string {
  const safe = lines.flatMap((line) => line.replaceAll("*/", "*\\/").split("\n"));
  return safe.length === 1
    ? `/** ${safe[0]} */`
    : `/**\n${safe.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */`;
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

/** Of how many alternatives on it pays to write what they share once. */
const MANY = 3;

/** The types of one kind's fields. `place`: the names of the fields that lead there. */
class Types {
  readonly #kind: string;
  readonly #shapes: Shapes;

  constructor(kind: string, shapes: Shapes) {
    this.#kind = kind;
    this.#shapes = shapes;
  }

  members(schema: JsonSchema, place: readonly string[]): string {
    const required = new Set(schema.required ?? []);
    const members = Object.entries(schema.properties ?? {}).map(([name, member]) => {
      const doc = [member.description ?? "", ...notes(member)].filter((line) => line !== "");
      const head = doc.length === 0 ? "" : `${docText(doc)}\n`;
      return `${head}readonly ${name}${required.has(name) ? "" : "?"}: ${this.#type(member, [...place, name])};`;
    });
    return `{\n${members.join("\n")}\n}`;
  }

  #type(schema: JsonSchema, place: readonly string[]): string {
    if (schema.anyOf !== undefined) return union(this.#alternatives(schema, place));
    if (schema.references !== undefined) return "Name";
    // Told apart by it, so no expression may stand there.
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum !== undefined)
      return `OneOf<${schema.enum.map((value) => JSON.stringify(value)).join(" | ")}>`;
    if (typeof schema.type === "object") return union(schema.type.map((type) => SCALARS[type] ?? "unknown"));
    if (schema.type === "array")
      return `readonly (${schema.items === undefined ? "unknown" : this.#type(schema.items, place)})[]`;
    if (schema.type === "object") return this.#recordOrObject(schema, place);
    return SCALARS[schema.type ?? ""] ?? "unknown";
  }

  /** Objects of many kinds that share fields are these and their own. */
  #alternatives(schema: JsonSchema, place: readonly string[]): readonly string[] {
    const { anyOf = [] } = schema;
    const objects = objectsIn(schema);
    const shared = sharedBy(objects);
    const names = Object.keys(shared);
    if (objects.length < MANY || names.length < MANY) return anyOf.map((one) => this.#type(one, place));
    const common = { properties: shared };
    const base = this.#shapes.sharedAt(common, [this.#kind, ...place], () => this.members(common, place));
    return anyOf.map((one) => {
      const has = names.filter((name) => one.properties?.[name] !== undefined);
      if (has.length === 0) return this.#type(one, place);
      const own = Object.entries(one.properties ?? {}).filter(([name]) => !has.includes(name));
      const picked = has.map((name) => JSON.stringify(name)).join(" | ");
      const inherited = has.length === names.length ? base : `Pick<${base}, ${picked}>`;
      return `(${inherited} & ${this.members({ ...one, properties: Object.fromEntries(own) }, place)})`;
    });
  }

  #recordOrObject(schema: JsonSchema, place: readonly string[]): string {
    if (schema.properties !== undefined) {
      const text = (): string => this.members(schema, place);
      return this.#shapes.nameOf(schema, [this.#kind, ...place], text) ?? text();
    }
    const values = schema.additionalProperties;
    return `Readonly<Record<string, ${typeof values === "object" ? this.#type(values, place) : "unknown"}>>`;
  }
}
