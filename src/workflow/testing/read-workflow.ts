/** From what a test names as its workflow to a definition: data of a builder, a resource, or a file in a dialect's words. */
import { DiagnosticError, refuse } from "../../diagnostics/diagnostic.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { definitionOf } from "../definition/resource.ts";
import type { Dialect } from "../engine/program.ts";

/** Refuses with a DiagnosticError of all that is wrong. */
export function readWorkflow(value: unknown, dialects: readonly Dialect[] = []): Definition {
  const definition = definitionIn(value);
  const { program } = definition.workflow;
  if (program !== undefined) {
    const dialect = dialects.find(({ name }) => name === program.dialect);
    const known = dialects.map(({ name }) => name).join(", ");
    if (dialect === undefined)
      refuse({
        code: "UnknownDialect",
        path: "program.dialect",
        message: `The dialect '${program.dialect}' is not known here.`,
        hint: `Known: ${known || "none; give them as dialects"}.`,
      });
    const problems = dialect.check(program.definition);
    if (problems.length > 0)
      throw new DiagnosticError(problems.map((one) => ({ severity: "error", ...one })));
  }
  return definition;
}

/** Undefined for a native graph, and for what is no workflow. */
export function dialectOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const source = isDefinition(value) ? value.workflow : (value["spec"] ?? value);
  const { program } = source as { readonly program?: { readonly dialect?: string } };
  return program?.dialect ?? (isArgo(value) ? "argo" : "StartAt" in value ? "states-language" : undefined);
}

function definitionIn(value: unknown): Definition {
  if (!isObject(value)) return defineWorkflow(value);
  if (isDefinition(value)) return value;
  if (value["kind"] === "Workflow" && isObject(value["spec"]) && !isArgo(value))
    return ofResource(value, value["spec"]);
  if ("StartAt" in value && "States" in value) return inDialect("states-language", value);
  return isArgo(value) ? inDialect("argo", value) : defineWorkflow(value);
}

function isArgo({ apiVersion }: Fields): boolean {
  return typeof apiVersion === "string" && apiVersion.startsWith("argoproj.io/");
}

function ofResource(resource: Fields, spec: Fields): Definition {
  const metadata = isObject(resource["metadata"]) ? resource["metadata"] : {};
  return definitionOf({
    metadata: { name: typeof metadata["name"] === "string" ? metadata["name"] : "workflow" },
    spec: { steps: {}, ...spec },
  });
}

function inDialect(dialect: string, definition: Fields): Definition {
  return defineWorkflow({ name: "workflow", steps: {}, program: { dialect, definition } });
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDefinition(value: unknown): value is Definition {
  return isObject(value) && typeof value["hash"] === "string" && isObject(value["workflow"]);
}
