/** The changes of one resource, newest first, each with its cause. Also of one that is gone. */
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { presented } from "../present.ts";
import { parseCount } from "../read.ts";
import { notFound } from "../status-error.ts";
import { keyFrom } from "../write.ts";

const MOST = 1000;

export async function history(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const limit = parseCount(call.query.get("limit"), "limit") || 100;
  const changes = await context.store.history(keyFrom(target), Math.min(limit, MOST));
  if (changes.length === 0) throw notFound(target.kind, target.name);
  const items = changes.map(({ revision, time, type, cause, resource }) => ({
    revision,
    time: new Date(time).toISOString(),
    type,
    cause,
    resource: presented(resource, context.keyring),
  }));
  return ok({
    kind: "HistoryList",
    apiVersion: "tutti.dev/v1",
    metadata: { resourceVersion: String(context.store.revision) },
    items,
  });
}
