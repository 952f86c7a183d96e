/** What is there at a Location and could be adopted. */
import type { DiscoveryQuery } from "../../provider/discovery.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject, objectBody } from "../body.ts";
import { badRequest } from "../status-error.ts";
import { bodyOf } from "../write.ts";

export async function discover(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody((await bodyOf(context, call)) ?? {});
  const { where } = body;
  if (where !== undefined && !isObject(where)) throw badRequest("where: it must be an object.");
  const query: DiscoveryQuery = {
    location: target.name,
    namespace: text(body, "namespace") ?? "default",
    ...optional(body, "kind"),
    ...optional(body, "class"),
    ...optional(body, "id"),
    ...(where === undefined ? {} : { where }),
  };
  return ok(await context.discover(query));
}

function optional(body: Readonly<Record<string, unknown>>, name: "kind" | "class" | "id"): object {
  const value = text(body, name);
  return value === undefined ? {} : { [name]: value };
}

function text(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === "string") return value;
  throw badRequest(`${name}: it must be a text.`);
}
