/** Questions to the person at the terminal. */
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";

/**
 * Resolves when the answer is yes. Fails with exit code 3 when it is not, or when nobody can be asked.
 * `because`: what would be done, for who is refused.
 */
export async function confirm(context: CommandContext, question: string, because: string): Promise<void> {
  if (!context.isInteractive)
    throw new CommandFailure(
      EXIT.refused,
      `${because} Nobody can be asked here, so nothing was changed.`,
      "Say --yes to do it.",
    );
  const { stdin, stderr } = context.environment;
  stderr.write(`${context.errorStyle.bold(question)} [y/N] `);
  const answer = (await firstLine(stdin, context.signal)).trim().toLowerCase();
  if (answer === "y" || answer === "yes") return;
  throw new CommandFailure(EXIT.refused, "Nothing was changed.");
}

export async function firstLine(
  input: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<string> {
  const iterator = input[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  let text = "";
  try {
    while (!text.includes("\n")) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) break;
      text += typeof next.value === "string" ? next.value : decoder.decode(next.value, { stream: true });
    }
  } finally {
    signal.removeEventListener("abort", abort);
    void iterator.return?.();
  }
  return text.split("\n")[0] ?? "";
}
