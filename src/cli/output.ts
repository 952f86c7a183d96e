/** One result, several forms. */
import type { CommandContext, OutputFormat } from "./context.ts";

/** The result as JSON or YAML. */
export async function structured(result: unknown, format: OutputFormat): Promise<string> {
  const value: unknown = JSON.parse(JSON.stringify(result ?? null));
  if (format !== "yaml") return JSON.stringify(value, undefined, 2);
  const { stringify } = await import("yaml");
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Prints the result for programs, or what `human` makes of it. */
export async function emit(context: CommandContext, result: unknown, human: () => string): Promise<void> {
  context.print(context.isStructured ? await structured(result, context.output) : human());
}
