/** From method and target to what is done. One shape for all kinds, so this is the whole table of routes. */
import { type Answer, type ApiContext, type Call, type ResourceTarget } from "./api-context.ts";
import type { Target } from "./paths.ts";
import { type CollectionTarget, get, list } from "./read.ts";
import { remove, removeCollection } from "./remove.ts";
import { badRequest, noSuchPath, notAllowed } from "./status-error.ts";
import { findSubresource } from "./subresources/index.ts";
import { watch } from "./watch.ts";
import { create, patch, replace } from "./write.ts";

type ResourceRequest = Exclude<Target, { readonly type: "document" }>;

/** What a request does, as metrics and audit name it. */
export function verbOf(method: string, target: Target, query: URLSearchParams): string {
  if (target.type === "document") return "document";
  const verb = VERBS[method] ?? "other";
  if (target.type === "resource")
    return target.subresource === undefined
      ? verb
      : SUBVERBS.has(target.subresource)
        ? target.subresource
        : "other";
  if (verb === "get") return isWatch(query) ? "watch" : "list";
  return verb === "delete" ? "deletecollection" : verb;
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const SUBVERBS: ReadonlySet<string> = new Set([
  "status",
  "scale",
  "history",
  "why",
  "signal",
  "log",
  "plan",
  "apply",
  "exec",
  "cancel",
  "pause",
  "resume",
  "fork",
  "fork-runs",
  "steps",
  "events",
  "query",
  "next",
  "backfill",
  "trigger",
  "decide",
  "inverse",
  "undo",
  "hold",
]);

function isWatch(query: URLSearchParams): boolean {
  const wanted = query.get("watch");
  return wanted !== null && wanted !== "false" && wanted !== "0";
}

export async function dispatch(context: ApiContext, call: Call, target: ResourceRequest): Promise<Answer> {
  if (target.type === "collection") return onCollection(context, call, target);
  if (target.subresource === undefined) return onResource(context, call, target);
  const subresource = findSubresource(target.kind, target.subresource);
  if (subresource === undefined) throw noSuchPath();
  if (!subresource.methods.includes(call.method)) throw notAllowed(call.method);
  return subresource.serve(context, call, target);
}

async function onCollection(context: ApiContext, call: Call, target: CollectionTarget): Promise<Answer> {
  switch (call.method) {
    case "GET":
      return isWatch(call.query) ? watch(context, call, target) : list(context, call, target);
    case "POST":
      return create(context, call, target);
    case "DELETE":
      // Over all namespaces at once nothing is deleted, as in Kubernetes.
      if (target.namespace === undefined) throw notAllowed(call.method);
      return removeCollection(context, call, target);
    default:
      throw notAllowed(call.method);
  }
}

async function onResource(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  switch (call.method) {
    case "GET":
      return isWatch(call.query) ? watchOne(context, call, target) : get(context, call, target);
    case "PUT":
      return replace(context, call, target);
    case "PATCH":
      return patch(context, call, target);
    case "DELETE":
      return remove(context, call, target);
    default:
      throw notAllowed(call.method);
  }
}

/** The old form of watching one: the same as watching the collection by name. */
function watchOne(context: ApiContext, call: Call, { kind, namespace, name }: ResourceTarget): Answer {
  if (call.query.get("fieldSelector") !== null)
    throw badRequest("A watch of one resource takes no field selector.");
  const query = new URLSearchParams(call.query);
  query.set("fieldSelector", `metadata.name=${name.replace(/[\\,=]/g, "\\$&")}`);
  return watch(context, { ...call, query }, { kind, namespace });
}
