/** Definitions of Workflow resources. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { type Definition, checkWorkflow, defineWorkflow } from "./definition.ts";
import type { Workflow } from "./workflow.ts";

/** A Workflow resource as far as its definition is concerned. */
export interface WorkflowSource {
  readonly metadata: { readonly name: string };
  readonly spec?: unknown;
}

const FIELDS = [
  "start",
  "steps",
  "output",
  "finally",
  "parameters",
  "results",
  "timeout",
  "program",
] as const;

/** Refuses with a DiagnosticError that holds all that is wrong. */
export function definitionOf(source: WorkflowSource): Definition {
  return defineWorkflow(workflowIn(source));
}

/** Everything that is wrong with it, at paths of the resource. */
export function checkDefinition(source: WorkflowSource): readonly Diagnostic[] {
  return checkWorkflow(workflowIn(source)).map((diagnostic) => ({
    ...diagnostic,
    path: ["spec", diagnostic.path].filter((part) => part !== undefined && part !== "").join("."),
  }));
}

/** Without what is about its runs and not about what they do. */
function workflowIn({ metadata, spec }: WorkflowSource): Workflow {
  const fields = spec as Readonly<Record<string, unknown>>;
  const own = FIELDS.flatMap((field) =>
    fields[field] === undefined ? [] : [[field, fields[field]] as const],
  );
  return { name: metadata.name, ...Object.fromEntries(own) } as unknown as Workflow;
}
