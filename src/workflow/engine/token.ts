/** Callback tokens: the names of the signals that those who are handed one send. */
import { createHash } from "node:crypto";

/** The same whenever the step is come to. It lets nobody in: who sends a signal says who he is as ever. */
export function tokenOf(run: string, path: string): string {
  return `callback-${createHash("sha256").update(`${run}\n${path}`).digest("hex").slice(0, 32)}`;
}
