/**
 * From whatever somebody sent to a definition that can be run: checked as a whole, frozen, and named by the hash of its
 * content, so that a run pins exactly what it runs.
 */
import { createHash } from "node:crypto";
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { canonicalJson } from "../../model/equality.ts";
import { deepFreeze } from "../../model/resource.ts";
import { pathText } from "../../model/walk.ts";
import type { Finding } from "./finding.ts";
import { checkMeaning } from "./meaning.ts";
import { shapeFindings } from "../../kinds/shape.ts";
import { workflowShape } from "../../kinds/workflow-shape.ts";
import type { Workflow } from "./workflow.ts";

export interface Definition {
  readonly workflow: Workflow;
  /** `sha256:` and 64 hexadecimal digits of the canonical JSON. */
  readonly hash: string;
}

/** Nesting of JSON, which recursion must get through; a definition written by hand has under twenty. */
const DEEPEST = 200;
const MOST_VALUES = 1_000_000;

/** Everything that is wrong with it, empty when nothing is. `value` may be anything at all. */
export function checkWorkflow(value: unknown): readonly Diagnostic[] {
  return findings(value).map((finding) => ({ severity: "error", ...finding }));
}

/** Refuses with a DiagnosticError that holds all that is wrong. The value itself is not frozen; a copy is. */
export function defineWorkflow(value: unknown): Definition {
  const diagnostics = checkWorkflow(value);
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics);
  const text = canonicalJson(value);
  return deepFreeze({
    workflow: JSON.parse(text) as Workflow,
    hash: `sha256:${createHash("sha256").update(text).digest("hex")}`,
  });
}

function findings(value: unknown): readonly Finding[] {
  const size = oversize(value);
  if (size !== undefined) return [size];
  const { error } = workflowShape.safeParse(value);
  if (error === undefined) return checkMeaning(value as Workflow);
  return error.issues.flatMap((issue) => {
    const found = shapeFindings({}, value, issue).map(({ path = "", ...finding }) =>
      withScopeHint({ ...finding, path }),
    );
    if (found.length > 0) return found;
    // An expression where none can stand.
    return {
      code: "InvalidField",
      path: pathText(issue.path as (string | number)[]),
      message: `${issue.message}.`,
    };
  });
}

/** Who wrote the steps of a scope directly into `finally` or `body` is told where they stand. */
function withScopeHint(finding: Finding): Finding {
  return finding.code === "MissingField" && finding.path.endsWith(".steps")
    ? { ...finding, hint: "Steps stand under 'steps', by name: { steps: { NAME: { type: ... } } }." }
    : finding;
}

/** Looked at without recursion, before anything that recurses. */
function oversize(value: unknown): Finding | undefined {
  let level = [value];
  let seen = 0;
  for (let depth = 0; level.length > 0; depth++) {
    seen += level.length;
    if (depth > DEEPEST || seen > MOST_VALUES)
      return {
        code: "TooLarge",
        path: "",
        message: `A definition is at most ${DEEPEST} levels deep and holds at most ${MOST_VALUES} values.`,
        hint: "Give long lists as parameters, and split it into workflows that call each other.",
      };
    level = level.flatMap((one) =>
      typeof one === "object" && one !== null ? (Object.values(one) as unknown[]) : [],
    );
  }
  return undefined;
}
