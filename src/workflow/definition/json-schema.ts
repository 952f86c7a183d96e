/** JSON Schema for parameters, results and forms. */
import { z } from "zod";
import { refuse } from "../../diagnostics/diagnostic.ts";
import { pathText } from "../../model/walk.ts";

export interface Violation {
  readonly path: string;
  readonly message: string;
}

export type SchemaCheck = (value: unknown) => readonly Violation[];

const checks = new WeakMap<object, SchemaCheck>();

/** Refuses with InvalidSchema. The check gives everything that is wrong with a value, and nothing of the value itself. */
export function jsonSchemaCheck(schema: unknown): SchemaCheck {
  const key = typeof schema === "object" && schema !== null ? schema : undefined;
  const known = key === undefined ? undefined : checks.get(key);
  if (known !== undefined) return known;
  let compiled: z.ZodType;
  try {
    compiled = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    return refuse({
      code: "InvalidSchema",
      message: `This is not a JSON Schema that can be checked: ${(error as Error).message.split("\n")[0] ?? ""}`,
      hint: "Use JSON Schema draft 2020-12.",
    });
  }
  const check: SchemaCheck = (value) =>
    (compiled.safeParse(value).error?.issues ?? []).map(({ path, message }) => ({
      path: pathText(path as (string | number)[]),
      message,
    }));
  if (key !== undefined) checks.set(key, check);
  return check;
}
