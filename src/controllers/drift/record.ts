/** What is found, written into the status: drift, conditions Drifted and Noisy, and events when something is new or over. */
import { eventOperation } from "../../controller/events.ts";
import type { DriftEntry, DriftStatus, SetBack } from "../../controller/drift.ts";
import type { Clock } from "../../clock/clock.ts";
import { type NewCondition, conditionOf, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Resource, keyOf } from "../../model/resource.ts";
import { type Cause, type Operation, type Store, StoreError } from "../../store/store.ts";
import type { Judged } from "./entries.ts";
import { LIMIT, isNoise } from "./noise.ts";

export interface Recorded {
  readonly judged: readonly Judged[];
  readonly setBack: readonly SetBack[] | undefined;
  /** The request that is carried out with this. */
  readonly reverted?: string;
}

const SHOWN = 3;

/** Nothing is written when nothing is new. Given up when somebody else wrote first: it is looked at again. */
export async function record(
  resource: Resource,
  found: Recorded,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  cause: Cause,
): Promise<void> {
  const now = clock.now();
  const before = (resource.status ?? {}) as DriftStatus & { readonly conditions?: readonly Condition[] };
  const status = statusAfter(before, found, now);
  if (equal(status, before)) return;
  const operations: Operation[] = [
    {
      type: "status",
      key: keyOf(resource),
      status,
      expectedVersion: resource.metadata.resourceVersion,
    },
    ...eventsOf(resource, before, found, now, store),
  ];
  try {
    await store.commit(operations, cause);
  } catch (error) {
    if (!(error instanceof StoreError && (error.code === "Conflict" || error.code === "NotFound")))
      throw error;
  }
}

function statusAfter(
  before: DriftStatus & { readonly conditions?: readonly Condition[] },
  { judged, setBack, reverted }: Recorded,
  now: number,
): object {
  const { drift: _drift, setBack: _setBack, ...rest } = before;
  const drift = judged.map(({ entry }) => entry);
  let { conditions } = before;
  for (const next of [driftedCondition(judged), noisyCondition(judged)]) {
    const present = conditions?.find(({ type }) => type === next.type);
    // Most things never drift: they need no condition that says so.
    if (next.status === "False" && present === undefined) continue;
    conditions = withCondition(conditions, next, now);
  }
  return {
    ...rest,
    ...(conditions === undefined ? {} : { conditions }),
    ...(drift.length === 0 ? {} : { drift }),
    ...(setBack === undefined || setBack.length === 0 ? {} : { setBack }),
    ...(reverted === undefined ? {} : { reverted }),
  };
}

function driftedCondition(judged: readonly Judged[]): NewCondition {
  const type = "Drifted";
  if (judged.length === 0)
    return { type, status: "False", reason: "AsMade", message: "It is as it was made." };
  const message = judged
    .slice(0, SHOWN)
    .map(({ entry }) => sentence(entry))
    .join(" ");
  const more = judged.length > SHOWN ? ` And ${judged.length - SHOWN} more.` : "";
  const isGone = judged.some(({ entry }) => entry.path === "");
  const isTolerated = judged.every(({ entry }) => entry.answer === "tolerate");
  const reason = isGone ? "Gone" : isTolerated ? "Tolerated" : "Changed";
  return { type, status: "True", reason, message: message + more };
}

function noisyCondition(judged: readonly Judged[]): NewCondition {
  const type = "Noisy";
  const noisy = judged.filter(({ entry, count }) => entry.answer === "revert" && isNoise(count));
  const [first] = noisy;
  if (first === undefined)
    return { type, status: "False", reason: "Quiet", message: "Nothing comes back after it was set back." };
  const message = `${noisy.map(({ entry }) => entry.path).join(", ")} came back unchanged after having been set back ${first.count?.times ?? LIMIT} times: it is tried seldom from now on. Somebody or the engine itself writes it; name it in lifecycle.ignoreChanges, or declare what is found.`;
  return { type, status: "True", reason: "ComesBack", message };
}

/** For people; values of secrets are masked in the entry already. */
export function sentence({ path, expected, actual }: DriftEntry): string {
  if (path === "") return "It is gone.";
  if (actual === undefined) return `${path} is not there, it was made as ${short(expected)}.`;
  if (expected === undefined) return `${path} is ${short(actual)}, it was made without.`;
  return `${path} is ${short(actual)}, it was made as ${short(expected)}.`;
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

const OUTCOMES: Readonly<Record<DriftEntry["answer"], string>> = {
  revert: "It is set back.",
  report: "It is left as it is.",
  tolerate: "It is tolerated.",
};

function eventsOf(
  resource: Resource,
  before: DriftStatus,
  { judged }: Recorded,
  now: number,
  store: Store,
): readonly Operation[] {
  const isKnown = (entry: DriftEntry, all: readonly DriftEntry[]): boolean =>
    all.some((one) => one.path === entry.path && equal(one.actual, entry.actual));
  const present = judged.map(({ entry }) => entry);
  const begun = judged
    .filter(({ entry }) => !isKnown(entry, before.drift ?? []))
    .map(({ entry, isLeft }) => {
      const outcome =
        entry.path === ""
          ? "It is made again."
          : isLeft
            ? "It came back too often and is left for now."
            : OUTCOMES[entry.answer];
      return {
        type: "Warning" as const,
        reason: entry.path === "" ? "Gone" : "Drifted",
        message: `${sentence(entry)} ${outcome}`,
      };
    });
  const over = (before.drift ?? [])
    .filter((entry) => !present.some(({ path }) => path === entry.path))
    .map(({ path }) => ({
      type: "Normal" as const,
      reason: path === "" ? "MadeAgain" : "SetBack",
      message: path === "" ? "It was gone and is there again." : `${path} is as it was made again.`,
    }));
  const isNoisyNow = noisyCondition(judged);
  const noise =
    isNoisyNow.status === "True" && conditionOf(resource, "Noisy")?.status !== "True"
      ? [{ type: "Warning" as const, reason: "Noisy", message: isNoisyNow.message }]
      : [];
  return [...begun, ...over, ...noise].map((happening) =>
    eventOperation(store, now, "drift", resource, happening),
  );
}
