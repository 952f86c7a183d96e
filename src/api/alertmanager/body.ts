import type { z } from "zod";
import { BadRequest } from "./reply.ts";

/** A request's JSON in the shape the API says. Throws BadRequest with the place of the first thing that is wrong. */
export function parsedBody<T>(schema: z.ZodType<T>, body: string | undefined): T {
  let value: unknown;
  try {
    value = JSON.parse(body ?? "");
  } catch {
    throw new BadRequest("The body is no JSON.");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BadRequest(`The body's ${issue?.path.join(".") ?? ""} is wrong: ${issue?.message ?? ""}.`);
}
