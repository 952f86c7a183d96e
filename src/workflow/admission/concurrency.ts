/** How many runs of a workflow may be at once: all together, or for each value of a key. */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { canonicalJson } from "../../model/equality.ts";
import { StepFailure } from "../engine/failures.ts";
import { View } from "../engine/values.ts";

export type Concurrency =
  | number
  | { readonly limit: number; /** CEL in a text, of `param`. */ readonly key?: string };

/** Where a run waits to start. `workflow`: `NAMESPACE/NAME`. Refuses with InvalidConcurrencyKey. */
export function runQueue(
  workflow: string,
  concurrency: Concurrency | undefined,
  parameters: unknown,
): { readonly pool: string; readonly slots: number } | undefined {
  if (concurrency === undefined) return undefined;
  const pool = `workflow:${workflow}`;
  if (typeof concurrency === "number") return { pool, slots: concurrency };
  const { limit, key } = concurrency;
  return key === undefined
    ? { pool, slots: limit }
    : { pool: `${pool}:${keyText(key, parameters)}`, slots: limit };
}

function keyText(key: string, parameters: unknown): string {
  try {
    const value = new View({ param: parameters ?? {} }).resolve(key);
    return typeof value === "string" ? value : canonicalJson(value ?? null);
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    return refuse({
      code: "InvalidConcurrencyKey",
      path: "concurrency.key",
      message: `The key '${key}' cannot be worked out of these parameters: ${error.failure.message}`,
      hint: "Give the parameter that it reads, or require it in the workflow's parameters.",
    });
  }
}
