/** Silences that people declare, as moments, and what is to be said of them. */
import { parseDuration } from "../../model/duration.ts";
import { timestamp } from "../../model/condition.ts";
import type { Resource } from "../../model/resource.ts";
import type { silence } from "../../kinds/silence.ts";
import type { ManagedSilence } from "../../provider/monitoring.ts";
import type { Operation } from "../../store/store.ts";
import { readiness } from "./statuses.ts";

const SAID = {
  pending: { reason: "Pending", message: "It has not begun yet." },
  active: { reason: "InForce", message: "It is in force." },
  expired: { reason: "Expired", message: "It is over." },
} as const;

type Silence = Resource<typeof silence.Spec>;

export interface DeclaredSilences {
  /** Those that are not over. */
  readonly silences: readonly ManagedSilence[];
  readonly operations: readonly Operation[];
  /** When one of them begins or ends next: milliseconds. */
  readonly next: number | undefined;
}

export function declaredSilences(resources: readonly Resource[], now: number): DeclaredSilences {
  const silences: ManagedSilence[] = [];
  const operations: Operation[] = [];
  const moments: number[] = [];
  for (const resource of resources as readonly Silence[]) {
    if (resource.metadata.deletionTimestamp !== undefined) continue;
    const { from, to } = periodOf(resource);
    const state = now < from ? "pending" : now < to ? "active" : "expired";
    operations.push(
      ...readiness(
        resource,
        undefined,
        now,
        { state, startsAt: timestamp(from), endsAt: timestamp(to) },
        SAID[state],
      ),
    );
    if (state === "expired") continue;
    moments.push(state === "pending" ? from : to);
    const { matchers, createdBy, comment } = resource.spec;
    silences.push({
      id: resource.metadata.uid,
      matchers,
      startsAt: new Date(from).toISOString(),
      endsAt: new Date(to).toISOString(),
      createdBy: createdBy === "" ? "tutti" : createdBy,
      comment: comment === "" ? `silence/${resource.metadata.name}` : comment,
    });
  }
  return { silences, operations, next: moments.length === 0 ? undefined : Math.min(...moments) };
}

function periodOf({ spec, metadata }: Silence): { readonly from: number; readonly to: number } {
  const from = Date.parse(spec.startsAt ?? metadata.creationTimestamp);
  const to = spec.endsAt === undefined ? from + parseDuration(spec.duration ?? "0") : Date.parse(spec.endsAt);
  return { from, to };
}
