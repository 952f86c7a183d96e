/**
 * Silences that come and go with what causes them: a Change, a rollout, a deletion. Each is about exactly the resources
 * that are touched and ends with its cause, or after an hour: a change that takes longer is trouble itself.
 *
 * Alerts that say that a change goes wrong are never silenced by it.
 */
import { createHash } from "node:crypto";
import { type Resource, addressOf, keyOf, keyText } from "../../model/resource.ts";
import { type ManagedSilence, TARGET_LABELS } from "../../provider/monitoring.ts";
import type { Plan } from "../../planner/plan.ts";
import { literally } from "./rules/promql.ts";

const HARD_EXPIRY = 3_600_000;
/** What a change is watched by. */
const NEVER_SILENCED = ["ChangeStuck", "RolloutStuck", "LocationUnreachable", "DiskFull", "Watchdog"];

interface Cause {
  readonly key: string;
  readonly namespace: string;
  /** A regular expression of the addresses. */
  readonly touched: string;
  /** Milliseconds. */
  readonly since: number;
  readonly comment: string;
}

/** `resources`: all of them; those that nothing happens to are passed over. */
export function managedSilences(resources: Iterable<Resource>, now: number): readonly ManagedSilence[] {
  const silences: ManagedSilence[] = [];
  for (const resource of resources) {
    const cause = causeOf(resource);
    if (cause !== undefined && cause.since + HARD_EXPIRY > now) silences.push(silenceFor(cause));
  }
  return silences.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether a silence may begin or end with this change of a resource. */
export function isCause(resource: Resource): boolean {
  return causeOf(resource) !== undefined;
}

/** When the first of them is over although its cause is not: milliseconds. */
export function nextExpiry(silences: readonly ManagedSilence[]): number | undefined {
  return silences.length === 0 ? undefined : Math.min(...silences.map(({ endsAt }) => Date.parse(endsAt)));
}

function causeOf(resource: Resource): Cause | undefined {
  if (resource.kind === "Change") return changeUnderWay(resource);
  // Instances come and go with their Service, of which the alerts are.
  if (resource.kind === "Instance" || resource.kind === "Event") return undefined;
  const { deletionTimestamp, namespace = "default" } = resource.metadata;
  const common = (): Pick<Cause, "key" | "namespace" | "touched"> => ({
    key: keyText(keyOf(resource)),
    namespace,
    touched: literally(addressOf(resource)),
  });
  if (deletionTimestamp !== undefined)
    return {
      ...common(),
      since: Date.parse(deletionTimestamp),
      comment: `${addressOf(resource)} is being deleted.`,
    };
  const { rollout } = (resource.status ?? {}) as {
    readonly rollout?: { readonly startedAt?: number; readonly problem?: string };
  };
  // One that has failed stays where it is: nothing that is wrong now is on its way to be well.
  if (resource.kind !== "Service" || rollout?.startedAt === undefined || rollout.problem !== undefined)
    return undefined;
  return {
    ...common(),
    since: rollout.startedAt,
    comment: `A rollout of ${addressOf(resource)} is under way.`,
  };
}

const UNDER_WAY: ReadonlySet<string> = new Set(["InProgress", "RollingBack"]);

function changeUnderWay(change: Resource): Cause | undefined {
  const { state = "InProgress" } = (change.status ?? {}) as { readonly state?: string };
  if (!UNDER_WAY.has(state)) return undefined;
  const spec = change.spec as ChangeSpec;
  const { system, action } = spec;
  const touched = touchedBy(spec);
  if (touched === "") return undefined;
  return {
    key: keyText(keyOf(change)),
    namespace: change.metadata.namespace ?? "default",
    touched,
    since: Date.parse(change.metadata.creationTimestamp),
    comment: `Change ${change.metadata.name} (${action} of ${system}) is under way.`,
  };
}

interface ChangeSpec {
  readonly system: string;
  readonly action: string;
  readonly plan?: Partial<Plan>;
}

/** A Change is looked at whenever its status moves, and may touch thousands: what it touches never changes. */
const touchedTexts = new WeakMap<ChangeSpec, string>();

function touchedBy(spec: ChangeSpec): string {
  const known = touchedTexts.get(spec);
  if (known !== undefined) return known;
  const addresses = (spec.plan?.steps ?? []).flatMap(({ action, address }) =>
    action === "none" ? [] : [address],
  );
  const text = addresses.toSorted().map(literally).join("|");
  touchedTexts.set(spec, text);
  return text;
}

function silenceFor({ key, namespace, touched, since, comment }: Cause): ManagedSilence {
  return {
    id: uuid(`${key}\n${since}`),
    matchers: [
      { name: TARGET_LABELS.namespace, value: namespace, isRegex: false, isEqual: true },
      {
        name: TARGET_LABELS.resource,
        value: touched,
        isRegex: true,
        isEqual: true,
      },
      { name: "alertname", value: NEVER_SILENCED.join("|"), isRegex: true, isEqual: false },
    ],
    startsAt: new Date(since).toISOString(),
    endsAt: new Date(since + HARD_EXPIRY).toISOString(),
    createdBy: "tutti",
    comment,
  };
}

/** Named by its cause (RFC 9562, version 8: the bits are ours). */
function uuid(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
