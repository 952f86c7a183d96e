/**
 * The reference of kinds: one page, a table of fields for each. Where a value is one of several objects, these have tables of
 * their own below it: what most of them share first, then each by the field that tells it from the others.
 */
import { kinds } from "../../src/kinds/registry.ts";
import type { AnyKind } from "../../src/kinds/kind.ts";
import { type JsonSchema, bodySchema } from "../../src/kinds/schema.ts";
import { objectsIn, sharedBy } from "./alternatives.ts";
import { Interfaces, type Member } from "./interfaces.ts";

const HEAD = `# Kinds

Written by \`npm run generate\` from \`src/kinds\`. \`tutti schema <kind>\` prints the JSON Schema of a kind for editors.

Where a value stands, an expression \`\${...}\` may stand too. Fields marked "anew" cannot be changed in place: the thing
is made anew.
`;

/** Not declared, but written or answered by people over the API. */
const ASKED: ReadonlySet<string> = new Set(["Approval", "Run"]);

/** What the steps of a Workflow are is said where they are typed. */
const workflowComments = new Interfaces("src/workflow/definition/workflow.ts");

/** Words of types that stand for what is written elsewhere on the page. */
const LINKS: Readonly<Record<string, string>> = {
  Scope: "[scope](#workflow)",
  Compensation: "[step](#workflow-steps) without needs, catch, memo",
};

type Commented = (path: string) => Member | undefined;

interface Union {
  readonly path: string;
  readonly title: string;
  readonly alternatives: readonly JsonSchema[];
}

/** Where fields are collected: unions that they meet are noted, once each. */
interface Table {
  readonly kind: string;
  readonly unions: Map<string, Union>;
  readonly comment: Commented;
}

export function referencePage(): string {
  const declarable = kinds.filter((kind) => kind.declarable);
  const written = kinds.filter((kind) => !kind.declarable);
  return [
    HEAD,
    "## Declared by people\n",
    list(declarable),
    "## Written by controllers\n",
    list(written),
    ...[...declarable, ...written.filter(({ kind }) => ASKED.has(kind))].map(section),
  ].join("\n");
}

function list(group: readonly AnyKind[]): string {
  const rows = group.map(
    (kind) =>
      `| ${kind.kind} | \`${kind.apiVersion}\` | ${kind.shortNames.join(", ")} | ${kind.description} |`,
  );
  return ["| kind | apiVersion | short | |", "|---|---|---|---|", ...rows, ""].join("\n");
}

function section(kind: AnyKind): string {
  const unions = new Map<string, Union>();
  const comment: Commented = (path) =>
    kind.kind === "Workflow" ? workflowComments.member("Workflow", path.replace("spec.", "")) : undefined;
  const rows = fields(bodySchema(kind), "", { kind: kind.kind, unions, comment });
  const outputs = Object.entries(kind.outputs).map(
    ([, output]) =>
      `| \`\${${kind.root}.<name>.${output.path.join(".")}}\` | ${output.description}${output.secret ? " Secret." : ""} |`,
  );
  return [
    `## ${kind.kind}\n`,
    `${kind.description}\n`,
    ...table(rows),
    ...(outputs.length === 0
      ? []
      : ["Others may refer to:\n", "| expression | |", "|---|---|", ...outputs, ""]),
    "```json",
    JSON.stringify(
      { kind: kind.kind, metadata: { name: kind.exampleName }, ...(kind.example as object) },
      undefined,
      2,
    ),
    "```",
    "",
    ...[...unions.values()].flatMap((union) => unionText(kind.kind, union)),
  ].join("\n");
}

function table(rows: readonly string[]): readonly string[] {
  return rows.length === 0 ? [] : ["| field | type | default | |", "|---|---|---|---|", ...rows, ""];
}

function unionText(kind: string, { path, title, alternatives }: Union): readonly string[] {
  const shared = sharedBy(alternatives);
  const unions = new Map<string, Union>();
  const part = (one: JsonSchema, properties: Readonly<Record<string, JsonSchema>>): readonly string[] => {
    const documented = interfaceOf(one);
    const comment: Commented = (member) => workflowComments.member(documented, member);
    return table(fields({ ...one, properties }, "", { kind, unions, comment }));
  };
  const [first = {}] = alternatives;
  const common = part(first, shared);
  const names = alternatives.map((one) => nameAmong(one, alternatives));
  const each = alternatives.flatMap((one, index) => [
    `#### ${title}: ${names[index] ?? ""}\n`,
    ...paragraphs(workflowComments.textOf(interfaceOf(one)), sharedText(one, shared)),
    ...part(one, ownOf(one, shared)),
  ]);
  const links = names.map((name) => `[${name}](#${slug(`${title}: ${name}`)})`).join(", ");
  return [
    `### ${kind}: ${title}\n`,
    `\`${path}\` is one of: ${links}.${common.length === 0 ? "" : " Common fields:"}\n`,
    ...common,
    ...each,
    ...[...unions.values()].flatMap((inner) => unionText(kind, inner)),
  ];
}

function paragraphs(...texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text !== "").map((text) => `${text}\n`);
}

/** Where a step of a type is documented; nothing has that name otherwise. */
function interfaceOf(one: JsonSchema): string {
  return workflowComments.ofType(typeOf(one) ?? "") ?? "";
}

function typeOf({ properties }: JsonSchema): string | undefined {
  const type = properties?.["type"]?.const;
  return typeof type === "string" ? type : undefined;
}

/** Which of the common fields it has, unless it has all. */
function sharedText(one: JsonSchema, shared: Readonly<Record<string, JsonSchema>>): string {
  const has = Object.keys(shared).filter((field) => one.properties?.[field] !== undefined);
  if (has.length === Object.keys(shared).length) return "";
  if (has.length === 0) return "It has none of the common fields.";
  return `Of the common fields it has ${has.map((field) => `\`${field}\``).join(", ")}.`;
}

function ownOf(
  { properties = {} }: JsonSchema,
  shared: Readonly<Record<string, JsonSchema>>,
): Readonly<Record<string, JsonSchema>> {
  const own = Object.entries(properties).filter(
    ([field, schema]) => shared[field] === undefined && schema.const === undefined,
  );
  return Object.fromEntries(own);
}

/** Its `type`, or else the field that it needs and others have not. */
function nameAmong(one: JsonSchema, all: readonly JsonSchema[]): string {
  const isOwn = (field: string): boolean =>
    all.every((other) => other === one || other.properties?.[field] === undefined);
  return typeOf(one) ?? one.required?.find(isOwn) ?? "";
}

/** As pages are given anchors for their headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-");
}

function fields(schema: JsonSchema, before: string, within: Table): readonly string[] {
  const needed = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = before === "" ? name : `${before}.${name}`;
    const inner = below(member, path, within);
    return [...row(path, member, needed.has(name), within), ...inner];
  });
}

/** What a field holds: itself, or each of its items or values. */
function contentOf(schema: JsonSchema, path: string): readonly [JsonSchema, string] {
  const values = schema.additionalProperties;
  if (schema.items !== undefined) return [schema.items, `${path}[]`];
  if (typeof values === "object") return [values, `${path}.<name>`];
  return [schema, path];
}

function below(schema: JsonSchema, path: string, within: Table): readonly string[] {
  const [content, place] = contentOf(schema, path);
  const objects = objectsIn(content);
  if (objects.length > 1) return [];
  return fields(objects[0] ?? content, place, within);
}

/** Notes a union. One that was met before is where it was met first. */
function unionAt(schema: JsonSchema, path: string, { unions }: Table): Union | undefined {
  const [content, place] = contentOf(schema, path);
  const alternatives = objectsIn(content);
  if (alternatives.length < 2) return undefined;
  const key = JSON.stringify(alternatives);
  const title = path.slice(path.lastIndexOf(".") + 1);
  const union = unions.get(key) ?? { path: place, title, alternatives };
  unions.set(key, union);
  return union;
}

function row(path: string, schema: JsonSchema, needed: boolean, within: Table): readonly string[] {
  if (path === "spec") return [];
  const union = unionAt(schema, path, within);
  const comment = within.comment(path);
  const elsewhere = comment && linkIn(comment);
  const link = union && `[${union.title}](#${slug(`${within.kind}: ${union.title}`)})`;
  // What a scope is, is said where the link leads; the comment says what this one is for.
  const text = (elsewhere === undefined ? schema.description : undefined) ?? comment?.text ?? "";
  const notes = [text, schema.immutable === true ? "(anew)" : ""].filter((note) => note !== "");
  const given =
    schema.default === undefined ? (needed ? "required" : "") : `\`${JSON.stringify(schema.default)}\``;
  const type = linkedText(schema, link ?? elsewhere);
  return [`| \`${path}\` | ${type} | ${given} | ${notes.join(" ").replaceAll("|", "\\|")} |`];
}

function linkIn({ type }: Member): string | undefined {
  const words: readonly string[] = type.match(/\w+/g) ?? [];
  return Object.entries(LINKS).find(([word]) => words.includes(word))?.[1];
}

/** With a link to what it, or each of a list or of a map of objects, is. */
function linkedText(schema: JsonSchema, link: string | undefined): string {
  if (link === undefined) return typeText(schema);
  if (schema.items !== undefined) return `list of ${link}`;
  const values = schema.additionalProperties;
  return typeof values === "object" && objectsIn(values).length > 1 ? `map of ${link}` : link;
}

function typeText(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeText))].join(" or ");
  if (schema.references !== undefined)
    return schema.references === "*" ? "address" : `name of a ${schema.references}`;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(" ");
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  if (schema.type === "array")
    return `list of ${schema.items === undefined ? "anything" : typeText(schema.items)}`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object")
    return `map of ${typeText(schema.additionalProperties)}`;
  return typeof schema.type === "string" ? schema.type : "any";
}
