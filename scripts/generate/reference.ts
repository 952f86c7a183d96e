/** The reference of kinds: one page, a table of fields for each. */
import { kinds } from "../../src/kinds/registry.ts";
import type { AnyKind } from "../../src/kinds/kind.ts";
import { type JsonSchema, bodySchema } from "../../src/kinds/schema.ts";

const HEAD = `# Kinds

Written by \`npm run generate\` from \`src/kinds\`. \`tutti schema <kind>\` prints the JSON Schema of a kind for editors.

Where a value stands, an expression \`\${...}\` may stand too. Fields marked "anew" cannot be changed in place: the thing
is made anew.
`;

export function referencePage(): string {
  const declarable = kinds.filter((kind) => kind.declarable);
  const written = kinds.filter((kind) => !kind.declarable);
  return [
    HEAD,
    "## Declared by people\n",
    list(declarable),
    "## Written by controllers\n",
    list(written),
    ...declarable.map(section),
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
  const rows = fields(bodySchema(kind), "", new Set());
  const outputs = Object.entries(kind.outputs).map(
    ([, output]) =>
      `| \`\${${kind.root}.<name>.${output.path.join(".")}}\` | ${output.description}${output.secret ? " Secret." : ""} |`,
  );
  return [
    `## ${kind.kind}\n`,
    `${kind.description}\n`,
    "| field | type | default | |",
    "|---|---|---|---|",
    ...rows,
    "",
    ...(outputs.length === 0
      ? []
      : ["Others may refer to:\n", "| expression | |", "|---|---|", ...outputs, ""]),
    "```json",
    JSON.stringify(
      { kind: kind.kind, metadata: { name: "example" }, ...(kind.example as object) },
      undefined,
      2,
    ),
    "```",
    "",
  ].join("\n");
}

function fields(schema: JsonSchema, before: string, required: ReadonlySet<string>): readonly string[] {
  const needed = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = before === "" ? name : `${before}.${name}`;
    return [...row(path, member, needed.has(name)), ...below(member, path, required)];
  });
}

function below(schema: JsonSchema, path: string, required: ReadonlySet<string>): readonly string[] {
  if (schema.items?.properties !== undefined) return fields(schema.items, `${path}[]`, required);
  const values = schema.additionalProperties;
  if (typeof values === "object" && values.properties !== undefined)
    return fields(values, `${path}.<name>`, required);
  return fields(schema, path, required);
}

function row(path: string, schema: JsonSchema, needed: boolean): readonly string[] {
  if (path === "spec") return [];
  const notes = [schema.description ?? "", ...(schema.immutable === true ? ["(anew)"] : [])].filter(
    (note) => note !== "",
  );
  const given =
    schema.default === undefined ? (needed ? "required" : "") : `\`${JSON.stringify(schema.default)}\``;
  return [`| \`${path}\` | ${typeText(schema)} | ${given} | ${notes.join(" ").replaceAll("|", "\\|")} |`];
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
