/** What people type as a run's parameters, read by the workflow's own schema. */
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { misuse } from "./exit.ts";

export interface GivenParameters {
  /** `name=value`, `name=@file`. */
  readonly assignments: readonly string[];
  /** Files of parameters in YAML or JSON; later ones win, assignments win over all. */
  readonly files: readonly string[];
}

export type Parameters = Readonly<Record<string, unknown>>;

/** `schema`: the workflow's, of an object. Refuses with a DiagnosticError of all that does not fit. */
export async function readParameters(
  given: GivenParameters,
  schema: unknown,
  cwd: string,
): Promise<Parameters> {
  let parameters: Parameters = {};
  for (const file of given.files) parameters = { ...parameters, ...(await inFile(resolve(cwd, file))) };
  for (const text of given.assignments) {
    const at = text.indexOf("=");
    if (at < 1)
      misuse(
        `-p takes name=value, not '${text.slice(0, 40)}'.`,
        "Write for example -p replicas=3, or -p order=@order.json.",
      );
    const name = text.slice(0, at);
    const value = text.slice(at + 1);
    const content = value.startsWith("@") ? textIn(resolve(cwd, value.slice(1))) : value;
    parameters = { ...parameters, [name]: typed(content.replace(/\n$/, ""), typesOf(schema, name)) };
  }
  const problems = await problemsOf(parameters, schema);
  if (problems.length > 0) throw new DiagnosticError(problems);
  return parameters;
}

/** As the control plane checks them, so that nothing is sent that will be refused. */
async function problemsOf(parameters: Parameters, schema: unknown): Promise<readonly Diagnostic[]> {
  if (schema === undefined) return [];
  const { readGiven } = await import("../workflow/definition/parameters.ts");
  return readGiven(schema, parameters).diagnostics.map((one) => {
    const hint = hintFor(schema, one.path);
    return { ...one, ...(hint === undefined ? {} : { hint }) };
  });
}

function hintFor(schema: unknown, path: string): string | undefined {
  const [name = ""] = path.split(/[.[]/);
  const description = propertiesOf(schema)[name]?.description;
  return description === undefined ? undefined : `${name}: ${description}`;
}

interface Property {
  readonly type?: unknown;
  readonly description?: string;
}

function propertiesOf(schema: unknown): Readonly<Record<string, Property>> {
  if (typeof schema !== "object" || schema === null) return {};
  return (schema as { readonly properties?: Readonly<Record<string, Property>> }).properties ?? {};
}

/** None: anything. */
function typesOf(schema: unknown, name: string): readonly string[] {
  const type = propertiesOf(schema)[name]?.type;
  return [type].flat().filter((one) => typeof one === "string");
}

/** A text is what it is where a text is wanted; else JSON, where it is JSON. */
function typed(text: string, types: readonly string[]): unknown {
  if (types.includes("string") && types.length === 1) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

async function inFile(file: string): Promise<Parameters> {
  const { readYaml } = await import("./workflow-file.ts");
  const [content] = await readYaml(file);
  const value = content?.value ?? {};
  if (typeof value !== "object" || Array.isArray(value))
    misuse(`'${basename(file)}' holds no parameters.`, "Write name: value, a line each.");
  return value as Parameters;
}

function textIn(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return misuse(`'${file}' cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}.`);
  }
}
