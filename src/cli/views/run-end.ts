/** How a run ended: what it gave, or why it did not, and what to do about it. */
import type { Run } from "../../client/workflows.ts";
import { formatDuration } from "../../model/duration.ts";
import { durationOf } from "./run-graph.ts";
import { type Style, harmless } from "./style.ts";

/** What it gave, as text. */
export function outputText({ status }: Run): string {
  const { output } = status ?? {};
  if (output === undefined || output === null) return "";
  return typeof output === "string" ? output : JSON.stringify(output, undefined, 2);
}

/** Paths of items have brackets, of catches exclamation marks. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text}'`;
}

/** Why it failed, in a few lines. `log`: the last lines of the step that failed. */
export function failureView(
  run: Run,
  log: readonly string[],
  { style, now }: { readonly style: Style; readonly now: number },
): string {
  const { name } = run.metadata;
  const { phase, failure, reason } = run.status ?? {};
  const after = formatDuration(durationOf(run, now) ?? 0);
  if (phase === "Cancelled")
    return `${style.yellow("cancelled:")} ${name} after ${after}${reason === undefined ? "" : `: ${harmless(reason)}`}`;
  if (failure === undefined) return `${style.red("error:")} ${name} failed after ${after}.`;
  const { step } = failure;
  const where = step === undefined ? "" : ` at the step ${style.bold(harmless(step))}`;
  return [
    `${style.red("error:")} ${name} failed after ${after}${where}.`,
    `  ${harmless(failure.error)} (${failure.class}): ${harmless(failure.message)}`,
    ...(log.length === 0
      ? []
      : [`  The last it wrote:`, ...log.map((line) => style.dim(`    ${harmless(line)}`))]),
    // One that never began, since what it was given is refused, would be refused again.
    ...(run.status?.startedAt === undefined
      ? []
      : [`  ${style.cyan("→")} Do again what failed, with what is done already: tutti fork ${name}`]),
    ...(step === undefined
      ? []
      : [`  ${style.cyan("→")} All it wrote: tutti logs run/${name} --step ${shellWord(harmless(step))}`]),
  ].join("\n");
}
