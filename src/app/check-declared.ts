/** What only machinery above the kinds can say of a resource: whether its rules, queries and workflows can be read. */
import { type ApprovalSpec, checkApproval } from "../controllers/approval/decide.ts";
import { checkTriggers } from "../controllers/trigger/check.ts";
import { checkRules } from "../controllers/monitor/check-rules.ts";
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { referencesIn } from "../model/expression.ts";
import { forEachString, pathText } from "../model/walk.ts";
import type { RunSpec } from "../controller/runs.ts";
import type { Snapshot } from "../store/store.ts";
import { readGiven } from "../workflow/definition/parameters.ts";
import { checkDefinition } from "../workflow/definition/resource.ts";
import { checkProgram, loadDialect, programIn } from "./workflow-dialects.ts";
import { type DeclaredSchedule, checkDeclaredSchedule } from "../workflow/schedule/declared.ts";

/** To be awaited before `checkDeclared`: loads what it needs for what is declared. */
export async function prepareCheck(spec: unknown): Promise<void> {
  const program = programIn(spec);
  if (program !== undefined) await loadDialect(program.dialect);
}

/** Asked at admission and before a plan is shown. */
export function checkDeclared(resource: Draft): readonly Diagnostic[] {
  const found = problemsOf(resource);
  return found === undefined
    ? checkRules(resource)
    : found.map((one) => ({ ...one, address: addressOf(resource) }));
}

/** The parameters of a Run that is to be made, as far as its workflow is there and says which it takes. */
export function checkRun(resource: Draft, store: Pick<Snapshot, "get">): readonly Diagnostic[] {
  const { namespace = "default", name } = resource.metadata;
  if (resource.kind !== "Run" || store.get({ kind: "Run", namespace, name }) !== undefined) return [];
  const { workflow, version, parameters } = resource.spec as RunSpec;
  const { parameters: schema } = (store.get({ kind: "Workflow", namespace, name: workflow })?.spec ?? {}) as {
    readonly parameters?: unknown;
  };
  if (schema === undefined || version !== undefined) return [];
  return readGiven(schema, parameters).diagnostics.map(({ path, ...one }) => ({
    ...one,
    address: addressOf(resource),
    path: path === "" ? "spec.parameters" : `spec.parameters.${path}`,
    hint: `What workflow/${workflow} takes is in its spec.parameters.`,
  }));
}

function problemsOf(resource: Draft): readonly Diagnostic[] | undefined {
  if (resource.kind === "Workflow") {
    const program = programIn(resource.spec);
    return [...checkDefinition(resource), ...(program === undefined ? [] : checkProgram(program))];
  }
  if (resource.kind === "Schedule")
    return [
      ...checkDeclaredSchedule(resource.metadata.name, resource.spec as DeclaredSchedule),
      ...checkTriggers(resource.spec as Parameters<typeof checkTriggers>[0]),
      ...checkParameters(resource.spec as { readonly parameters: unknown }),
    ];
  if (resource.kind === "Approval")
    return checkApproval(resource.spec as ApprovalSpec).map((found) => ({ severity: "error", ...found }));
  return undefined;
}

/** What starts a run is all that they may refer to. */
function checkParameters({ parameters }: { readonly parameters: unknown }): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  forEachString(
    parameters,
    (text, path) => {
      const report = (code: string, message: string, hint: string): void =>
        void found.push({ severity: "error", code, path: pathText([...path]), message, hint });
      try {
        for (const { root } of referencesIn(text))
          if (root !== "event")
            report(
              "UnknownReference",
              `'${root}' is nothing that can be read here.`,
              "Here is event, which is what started the run.",
            );
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        for (const { code, message, hint = "" } of error.diagnostics) report(code, message, hint);
      }
    },
    ["spec", "parameters"],
  );
  return found;
}
