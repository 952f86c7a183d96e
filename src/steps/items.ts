/** `items`: what a map over a file asks for first, so that it is recorded how many items there are, and of which content. */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { Store } from "../store/store.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { type RecordedItems, digestOf, formatOf, itemsIn } from "../workflow/items/item-file.ts";
import { stepOf } from "../workflow/step/attempt.ts";
import { pathIn } from "../workflow/step/folder.ts";

export function itemSteps({ store }: { readonly store: Store }): StepType {
  return { execute: (attempt) => count(attempt, store) };
}

async function count(attempt: Attempt, store: Store): Promise<RecordedItems> {
  const step = stepOf(attempt, "items");
  const path = pathIn(step.path, attempt, store);
  const format = formatOf(step);
  try {
    let items = 0;
    for await (const _item of itemsIn(path, format)) {
      attempt.signal.throwIfAborted();
      items++;
    }
    return { path, format, count: items, digest: await digestOf(path) };
  } catch (error) {
    if (error instanceof DiagnosticError)
      throw new TaskError(error.diagnostics[0]?.code ?? "InvalidItems", `${path}: ${error.message}`, {
        terminal: true,
      });
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new TaskError("NoItems", `There is no file ${path}.`);
    throw error;
  }
}
