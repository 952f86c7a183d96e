/** What is declared of a tool, judged. */
import type { z } from "zod";
import { type Obstacle, TerminalError } from "../../provider/provider.ts";

export function problemsIn(schema: z.ZodType, config: unknown): readonly Obstacle[] {
  const { error } = schema.safeParse(config);
  return (error?.issues ?? []).map(({ path, message }) => ({
    code: "InvalidConfig",
    path: ["spec", "config", ...path].join("."),
    message: `${message.replace(/\.$/, "")}.`,
  }));
}

export function parsed<T>(schema: z.ZodType<T>, config: unknown): T {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const [first] = problemsIn(schema, config);
  throw new TerminalError(first ?? { code: "InvalidConfig", message: "The settings are invalid." });
}

/** Of what is about to be declared. */
export function configOf({
  spec,
}: {
  readonly spec: Readonly<Record<string, unknown>>;
}): Readonly<Record<string, unknown>> {
  return (spec["config"] ?? {}) as Readonly<Record<string, unknown>>;
}
