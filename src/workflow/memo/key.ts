/** What must be equal for a result to be the same: the namespace, the workflow, the step's name, and what it depends on. */
import { canonicalJson } from "../../model/equality.ts";
import { hashOf } from "../journal/blobs.ts";
import type { TaskStep } from "../engine/interpreter.ts";

/** They say how it is done, and what comes of it elsewhere. */
const APART: ReadonlySet<string> = new Set([
  "retry",
  "timeouts",
  "pool",
  "expected",
  "memo",
  "needs",
  "when",
  "next",
  "result",
]);

/** Of a step whose texts are resolved. */
export function memoKey(namespace: string, workflow: string, path: string, step: TaskStep): string {
  const { key, version = "" } = step.memo ?? {};
  const own = Object.fromEntries(Object.entries(step).filter(([field]) => !APART.has(field)));
  return hashOf(canonicalJson([namespace, workflow, nameIn(path), version, key ?? own]));
}

/** Without what is around it: items of a map share results. */
function nameIn(path: string): string {
  return (/[\w-]+(?=[^.!]*(?:!compensate)?$)/.exec(path.slice(path.lastIndexOf(".") + 1)) ?? [path])[0];
}
