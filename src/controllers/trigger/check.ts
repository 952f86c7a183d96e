/** What the schema cannot say of a Schedule's triggers. */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseExpression } from "../../model/expression.ts";
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import { parseConditionText } from "../../workflow/definition/target.ts";
import type { Trigger } from "./fire.ts";

export function checkTriggers(spec: {
  readonly workflow: string;
  readonly triggers: readonly Trigger[];
}): readonly Diagnostic[] {
  return spec.triggers.flatMap((trigger, index) => {
    const path = `spec.triggers[${index}]`;
    return [
      ...attempt(`${path}.when`, () => checkWhen(trigger.when)),
      ...("condition" in trigger
        ? attempt(`${path}.condition`, () => checkCondition(trigger.condition))
        : []),
      ...("workflow" in trigger && trigger.workflow.name === spec.workflow
        ? [
            problem(
              `${path}.workflow`,
              "A run of the workflow would start the next one, for ever.",
              "Give a schedule with 'every', or a loop of states.",
            ),
          ]
        : []),
    ];
  });
}

function checkWhen(when: string | undefined): readonly Diagnostic[] {
  if (when === undefined) return [];
  return parseExpression(when).references.flatMap(({ root }) =>
    root === "event"
      ? []
      : [
          problem(
            "",
            `'${root}' is nothing that can be read here.`,
            "Here is event, which is what the trigger saw.",
          ),
        ],
  );
}

function checkCondition(text: string): readonly Diagnostic[] {
  const { kind } = parseConditionText(text);
  if (findKind(kind) !== undefined || kindOfRoot(kind) !== undefined) return [];
  return [problem("", `There is no kind '${kind}'.`, "Write for example service/api Ready=False.")];
}

function attempt(path: string, check: () => readonly Diagnostic[]): readonly Diagnostic[] {
  try {
    return check().map((found) => ({ ...found, path }));
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((found) => ({ ...found, path }));
  }
}

function problem(path: string, message: string, hint: string): Diagnostic {
  return { severity: "error", code: "InvalidTrigger", path, message, hint };
}
