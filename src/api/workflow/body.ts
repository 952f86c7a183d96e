/** Bodies of requests that may be left out. */
import type { ApiContext, Call } from "../api-context.ts";
import { objectBody, parseBody, readBody } from "../body.ts";

export type Body = Readonly<Record<string, unknown>>;

/** Empty when there is none. */
export async function optionalBody(context: ApiContext, call: Call): Promise<Body> {
  const text = await readBody(call.request, context.limits);
  return text.trim() === "" ? {} : objectBody(await parseBody(text, context.limits));
}
