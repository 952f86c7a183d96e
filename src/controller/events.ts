/** Events: what happened to a resource, in one sentence, for people. Written with the commit they belong to. */
import { hash } from "node:crypto";
import { timestamp } from "../model/condition.ts";
import { type Key, type Resource, keyOf } from "../model/resource.ts";
import type { Operation, Store } from "../store/store.ts";

export interface Happening {
  readonly type?: "Normal" | "Warning";
  /** One word in upper camel case: `Scaled`, `RolledBack`. */
  readonly reason: string;
  /** One sentence. Never holds a secret. */
  readonly message: string;
}

interface EventBody {
  readonly count?: number;
  readonly firstTimestamp?: string;
}

/** The operation that records a happening; the same one again raises the count of the event that is there. */
export function eventOperation(
  store: Pick<Store, "get">,
  now: number,
  component: string,
  about: Resource,
  happening: Happening,
): Operation {
  const key = eventKey(about, happening);
  const before = store.get(key) as (Resource & EventBody) | undefined;
  const resource = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: key.name, namespace: key.namespace },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      ...(about.metadata.namespace === undefined ? {} : { namespace: about.metadata.namespace }),
      name: about.metadata.name,
      uid: about.metadata.uid,
    },
    reason: happening.reason,
    message: happening.message,
    type: happening.type ?? "Normal",
    count: (before?.count ?? 0) + 1,
    firstTimestamp: before?.firstTimestamp ?? timestamp(now),
    lastTimestamp: timestamp(now),
    source: { component },
  };
  return before === undefined ? { type: "create", resource } : { type: "update", resource };
}

function eventKey(about: Resource, happening: Happening): Key {
  const said = `${about.metadata.uid}\n${happening.reason}\n${happening.message}`;
  const digest = hash("sha256", said, "hex").slice(0, 12);
  return {
    kind: "Event",
    namespace: keyOf(about).namespace || "default",
    name: `${about.metadata.name.slice(0, 200)}.${digest}`,
  };
}
