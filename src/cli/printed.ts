import type { CommandContext } from "./context.ts";

/** Does not run ahead of who reads. */
export async function printed(context: CommandContext, line: string): Promise<void> {
  const { stdout } = context.environment;
  if (stdout.write(`${line}\n`) || context.signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdout.off("drain", done);
      context.signal.removeEventListener("abort", done);
      resolve();
    };
    stdout.once("drain", done);
    context.signal.addEventListener("abort", done, { once: true });
  });
}
