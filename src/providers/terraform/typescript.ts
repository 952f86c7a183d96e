/**
 * A provider's schema as a TypeScript module: a function for each type of resource and data source, with what may be declared and
 * what comes out. The text is formatted as people would write it, and the same for the same schema.
 */
import type { Attribute, Block, NestedBlock, Schema } from "../../terraform/schema.ts";
import type { Type } from "../../terraform/types.ts";

export interface Described {
  /** `hashicorp/random`. */
  readonly source: string;
  readonly version: string;
  readonly resources: Readonly<Record<string, Schema>>;
  readonly data: Readonly<Record<string, Schema>>;
}

export function moduleOf({ source, version, resources, data }: Described): string {
  const functions = [
    ...Object.entries(resources).map(([type, schema]) => functionOf(type, schema, false)),
    ...Object.entries(data).map(([type, schema]) => functionOf(type, schema, true)),
  ];
  return `// Written by 'tutti provider types ${source}' from version ${version}; written anew rather than edited.
import { type Name, type Numeric, Ref, type ResourceMetadata, type Text, type Truth, resource } from "tutti";

/** The provider, when none is named. */
const SOURCE = ${JSON.stringify(source)};

interface Options extends ResourceMetadata {
  /** A Provider; the source itself, without configuration, when absent. */
  readonly provider?: Name;
}

function declare<A>(type: string, data: boolean, name: string, config: object, names: readonly string[], options: Options) {
  const { provider = SOURCE, ...metadata } = options;
  const declared = resource(name, { provider, type, data, config: config as Record<string, unknown> }, metadata);
  const attribute = (one: string) => [one, new Ref(\`resource["\${name}"].status.output["\${one}"]\`)];
  const attributes = Object.fromEntries(names.map(attribute)) as A;
  // It is the declared resource, and has its attributes beside.
  return Object.create(declared, { attributes: { value: attributes, enumerable: true } }) as typeof declared & {
    readonly attributes: A;
  };
}
${functions.join("")}`;
}

function functionOf(type: string, schema: Schema, isData: boolean): string {
  const name = `${upper(type)}${isData ? "Data" : ""}`;
  const { block } = schema;
  const names = [...block.attributes, ...block.blocks].map((one) => one.name).toSorted();
  const outputs = names.map((one) => `  readonly ${member(one)}: Ref<${outputType(schema.type, one)}>;\n`);
  return `
export interface ${name}Config ${blockType(block, "")}

export interface ${name}Attributes {
${outputs.join("")}}

${comment(block.description, "")}export function ${lower(name)}(name: string, config: ${name}Config, options: Options = {}) {
  const names = ${JSON.stringify(names)};
  return declare<${name}Attributes>(${JSON.stringify(type)}, ${isData}, name, config, names, options);
}
`;
}

/** What may be declared; what only the provider gives is left out. */
function blockType({ attributes, blocks }: Pick<Block, "attributes" | "blocks">, indent: string): string {
  const inner = `${indent}  `;
  const members = [
    ...attributes
      .filter(({ required, optional }) => required || optional)
      .map((one) => attributeLine(one, inner)),
    ...blocks.map((one) => nestedLine(one, inner)),
  ];
  return members.length === 0 ? "{}" : `{\n${members.join("")}${indent}}`;
}

function attributeLine(attribute: Attribute, indent: string): string {
  const { name, required, nested, type, description, sensitive, deprecated } = attribute;
  const written =
    nested === undefined
      ? inputType(type)
      : nestedIn(nested.nesting, blockType({ attributes: nested.attributes, blocks: [] }, indent));
  const remarks = [description, sensitive ? "A secret." : "", deprecated ? "@deprecated" : ""].filter(
    (one) => one !== "",
  );
  return `${comment(remarks.join("\n"), indent)}${indent}readonly ${member(name)}${required ? "" : "?"}: ${written};\n`;
}

function nestedLine({ name, block, nesting, least }: NestedBlock, indent: string): string {
  const written = nestedIn(nesting, blockType(block, indent));
  return `${comment(block.description, indent)}${indent}readonly ${member(name)}${least > 0 ? "" : "?"}: ${written};\n`;
}

function nestedIn(nesting: NestedBlock["nesting"], written: string): string {
  if (nesting === "single" || nesting === "group") return written;
  return nesting === "map" ? `Readonly<Record<string, ${written}>>` : `readonly ${written}[]`;
}

const INPUTS = { string: "Text", number: "Numeric | Text", bool: "Truth", dynamic: "unknown" } as const;
const OUTPUTS = { string: "string", number: "number", bool: "boolean", dynamic: "unknown" } as const;

function inputType(type: Type): string {
  const written = typeText(type, INPUTS);
  return typeof type === "string" ? written : `${written} | Ref`;
}

function outputType(type: Type, name: string): string {
  const of = typeof type !== "string" && type[0] === "object" ? (type[1][name] ?? "dynamic") : "dynamic";
  return typeText(of, OUTPUTS);
}

function typeText(type: Type, words: typeof INPUTS | typeof OUTPUTS): string {
  if (typeof type === "string") return words[type];
  switch (type[0]) {
    case "list":
    case "set":
      return `readonly (${typeText(type[1], words)})[]`;
    case "map":
      return `Readonly<Record<string, ${typeText(type[1], words)}>>`;
    case "tuple":
      return `readonly [${type[1].map((one) => typeText(one, words)).join(", ")}]`;
    case "object": {
      const members = Object.entries(type[1]).map(
        ([name, one]) => `readonly ${member(name)}?: ${typeText(one, words)}`,
      );
      return `{ ${members.join("; ")} }`;
    }
  }
}

function comment(text: string, indent: string): string {
  const lines = text
    .replaceAll("*/", "* /")
    .trim()
    .split(/\n+/)
    .filter((line) => line.trim() !== "");
  if (lines.length === 0) return "";
  if (lines.length === 1) return `${indent}/** ${lines[0]?.trim()} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line.trim()}\n`).join("")}${indent} */\n`;
}

function member(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function upper(type: string): string {
  return type.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

function lower(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
}
