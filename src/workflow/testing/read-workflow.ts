/** From what a test names as its workflow to a definition: data of a builder, a resource, or a file in a dialect's words. */
import { DiagnosticError, refuse } from "../../diagnostics/diagnostic.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import type { Dialect } from "../engine/program.ts";

/** Fields of a Workflow's spec that are about its runs, not of its definition. */
const DEFINITION = new Set([
  "start",
  "steps",
  "output",
  "finally",
  "parameters",
  "results",
  "timeout",
  "program",
]);

/** Refuses with a DiagnosticError of all that is wrong. */
export function readWorkflow(value: unknown, dialects: readonly Dialect[] = []): Definition {
  const definition = isObject(value) && isDefinition(value) ? value : defineWorkflow(workflowOf(value));
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

function workflowOf(value: unknown): unknown {
  if (!isObject(value)) return value;
  if (value["kind"] === "Workflow" && isObject(value["spec"])) return ofResource(value, value["spec"]);
  if ("StartAt" in value && "States" in value) return inDialect("states-language", value);
  if (typeof value["apiVersion"] === "string" && value["apiVersion"].startsWith("argoproj.io/"))
    return inDialect("argo", value);
  return value;
}

function ofResource(resource: Fields, spec: Fields): Fields {
  const metadata = isObject(resource["metadata"]) ? resource["metadata"] : {};
  const fields = Object.entries(spec).filter(([field]) => DEFINITION.has(field));
  return { steps: {}, ...Object.fromEntries(fields), name: metadata["name"] ?? "workflow" };
}

function inDialect(dialect: string, definition: Fields): Fields {
  return { name: "workflow", steps: {}, program: { dialect, definition } };
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDefinition(value: unknown): value is Definition {
  return isObject(value) && typeof value["hash"] === "string" && isObject(value["workflow"]);
}
