/** What a workflow's definition names of its module of handlers. */
import { stepsWithin } from "../definition/pools.ts";
import type { Workflow } from "../definition/workflow.ts";
import type { Demand } from "./work.ts";

/** As far as it is known before a run begins; what is built in is nobody's to export. */
export function demandsIn(namespace: string, workflow: Workflow): readonly Demand[] {
  const of = { namespace, workflow: workflow.name };
  const { program } = workflow;
  if (program?.dialect === "code") {
    const { name } = program.definition as { readonly name: string };
    return [{ ...of, what: "program", name, pool: undefined }];
  }
  return stepsWithin(workflow).flatMap((step): readonly Demand[] => {
    if (!("type" in step) || step.type !== "function") return [];
    const { handler: name, pool } = step;
    return name.startsWith("tutti/") || name.includes("${") ? [] : [{ ...of, what: "handler", name, pool }];
  });
}
