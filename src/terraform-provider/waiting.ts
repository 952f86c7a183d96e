/** Waiting for what a control plane does, as long as a person is willing to. */
import type { Client, KindName } from "../client/client.ts";
import { statusSchema } from "../kinds/schema.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { parseDuration } from "../model/duration.ts";
import { readinessOf } from "../model/readiness.ts";
import type { Resource } from "../model/resource.ts";
import { type Members, isMembers } from "../terraform/value.ts";
import { Refused, complaint } from "./complaints.ts";
import type { Session } from "./resource-type.ts";

const USUAL = "10m";

export type Operation = "create" | "update" | "delete";

/** Milliseconds. `declared`: of a resource with `timeouts`. */
export function patience({ timeouts = null }: Members, operation: Operation): number {
  const text = isMembers(timeouts) ? timeouts[operation] : undefined;
  return parseDuration(typeof text === "string" ? text : USUAL);
}

export interface Watched {
  readonly kind: KindName & { readonly kind: string };
  readonly name: string;
  readonly namespace: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Resolves with what `look` gives first: it is called with what is there now and after every change. Rejects with Refused
 * when time is over or Terraform is interrupted; the control plane goes on all the same.
 */
export async function until<T>(
  {
    client,
    session,
    watched,
  }: { readonly client: Client; readonly session: Session; readonly watched: Watched },
  look: (resource: Resource | undefined) => { readonly done: T } | string,
): Promise<T> {
  const { kind, name, namespace, timeout } = watched;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeout);
  const signal = AbortSignal.any([session.signal, late.signal]);
  const address = `${kind.kind} ${name}`;
  let last = "";
  const seen = (resource: Resource | undefined): { readonly done: T } | undefined => {
    const answer = look(resource);
    if (typeof answer !== "string") return answer;
    if (answer !== last) session.log(`${address}: ${answer}`);
    last = answer;
    return undefined;
  };
  try {
    const scope = {
      ...(kind.namespaced ? { namespace } : {}),
      fieldSelector: `metadata.name=${name}`,
      signal,
    };
    for await (const event of client.watch(kind, scope)) {
      const resource =
        event.type === "LISTED" ? event.items[0] : event.type === "DELETED" ? undefined : event.object;
      const answer = seen(resource);
      if (answer !== undefined) return answer.done;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  throw new Refused([
    late.signal.aborted
      ? complaint(
          `${address} is not done after ${Math.round(timeout / 1000)} s: ${last}`,
          "The control plane goes on. Apply again to go on waiting; `timeouts` says for how long.",
        )
      : complaint(
          `${address}: interrupted.`,
          "The control plane goes on; apply again to see what came of it.",
        ),
  ]);
}

/** Whether anybody ever says that one of it is ready. */
export function becomesReady(kind: AnyKind): boolean {
  return "conditions" in (statusSchema(kind).properties ?? {});
}

export function readyOrNot(resource: Resource | undefined): { readonly done: Resource } | string {
  if (resource === undefined) throw new Refused([complaint("It has been deleted while it was waited for.")]);
  const { state, reason = "nothing is known of it yet." } = readinessOf(resource);
  if (state === "failed")
    throw new Refused([
      complaint(
        `It does not become ready: ${reason}`,
        `See: tutti describe ${resource.kind.toLowerCase()}/${resource.metadata.name}`,
      ),
    ]);
  return state === "ready" ? { done: resource } : reason;
}
