/**
 * Looks, while a plan is made, whether what a System has is as it was made, so that the plan says what others changed.
 *
 *   resources of the System --made, outside, perhaps changed--> observed, a few at a time --> drift by address
 *
 *  - Nothing is written, and nothing set back: the plan shows it, and whoever keeps it true acts.
 *  - What is inside the control plane is not asked about, so a plan of class data costs nothing more.
 *  - A provider that does not answer in time is one warning, and is not asked again for this plan: what is recorded is shown.
 */
import type { Clock } from "../clock/clock.ts";
import { desiredOf } from "../controller/desired.ts";
import type { DriftEntry, DriftStatus } from "../controller/drift.ts";
import {
  type Drift,
  type Findings,
  Turns,
  inspect,
  isFindings,
  isSteady,
  judge,
} from "../controllers/drift/index.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { parseDuration } from "../model/duration.ts";
import { type Resource, addressOf, keyOf } from "../model/resource.ts";
import { heldBy } from "../planner/ownership.ts";
import type { Drifted } from "../planner/plan.ts";
import type { RefreshQuery, Refreshed } from "../planner/refreshed.ts";
import type { Placement } from "../provider/placement.ts";
import type { Provider, ProviderContext } from "../provider/provider.ts";
import { type Store, StoreError } from "../store/store.ts";
import { asked } from "./bounded.ts";
import type { Classes } from "./classes.ts";

export interface RefreshParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly classes: Pick<Classes, "kinds" | "provider">;
  readonly context: Omit<ProviderContext, "signal">;
  readonly drift: Pick<Drift, "lookedAt">;
}

type Made = Resource<unknown, (DriftStatus & { readonly made?: Placement }) | undefined>;

export async function refresh(query: RefreshQuery, parts: RefreshParts): Promise<Refreshed> {
  const { store, classes } = parts;
  const held = heldBy(store, query.system, query.namespace).filter(
    (one) =>
      classes.kinds.has(one.kind) &&
      (one as Made).status?.made !== undefined &&
      query.only?.includes(addressOf(one)) !== false,
  ) as readonly Made[];
  const since = await sinceOf(query, parts);
  if ("warning" in since) return { drift: recorded(held), warnings: [since.warning] };
  const refresher = new Refresher(parts);
  const found = await Promise.all(
    held.map(async (one): Promise<readonly [string, readonly Drifted[]]> => {
      const isLooked = isSteady(one) && since.mayHaveChanged(one);
      return [addressOf(one), isLooked ? await refresher.look(one) : known(one)];
    }),
  );
  return { drift: new Map(found.filter(([, all]) => all.length > 0)), warnings: refresher.warnings() };
}

class Refresher {
  readonly #parts: RefreshParts;
  readonly #turns = new Turns();
  readonly #providers = new Map<string, Provider | undefined>();
  /** By provider: why it is asked nothing more, and of how many things it said nothing. */
  readonly #silent = new Map<Provider, { readonly problem: Diagnostic; count: number }>();

  constructor(parts: RefreshParts) {
    this.#parts = parts;
  }

  async look(resource: Made): Promise<readonly Drifted[]> {
    const provider = this.#providerOf(resource);
    if (provider === undefined || provider.isInside === true) return [];
    return this.#turns.run(provider, async () => {
      const silent = this.#silent.get(provider);
      if (silent !== undefined) {
        silent.count += 1;
        return known(resource);
      }
      const { context, clock } = this.#parts;
      const { kind, status } = resource;
      const { class: name = "", location = "" } = status?.made ?? {};
      const reply = await asked<Findings>({
        whom: `the class '${name}' of ${kind} at the location '${location}'`,
        what: "how its things are",
        ask: (signal) => inspect(provider, desiredOf(resource, status?.made), { ...context, signal }),
        isSound: isFindings,
        clock,
      });
      if ("problem" in reply) {
        const count = (this.#silent.get(provider)?.count ?? 0) + 1;
        this.#silent.set(provider, { problem: reply.problem, count });
        return known(resource);
      }
      const { judged } = judge(resource, reply.answer, { keyring: context.keyring, now: clock.now() });
      return judged.map(({ entry }) => driftedOf(entry));
    });
  }

  warnings(): readonly Diagnostic[] {
    return [...this.#silent.values()].map(({ problem, count }) => ({
      ...problem,
      severity: "warning",
      code: "NotRefreshed",
      message: `${problem.message} The plan goes by what was recorded of ${count === 1 ? "one thing" : `${count} things`}.`,
    }));
  }

  #providerOf({ kind, status }: Made): Provider | undefined {
    const made = status?.made;
    if (made === undefined) return undefined;
    const key = `${kind} ${made.class} ${made.location}`;
    if (!this.#providers.has(key)) this.#providers.set(key, this.#choose(kind, made));
    return this.#providers.get(key);
  }

  #choose(kind: string, made: Placement): Provider | undefined {
    try {
      return this.#parts.classes.provider(kind, made);
    } catch {
      return undefined;
    }
  }
}

function driftedOf({ path, expected, actual, secret, answer }: DriftEntry): Drifted {
  return {
    ...(path === "" ? {} : { path }),
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    ...(secret === true ? { secret } : {}),
    answer,
  };
}

function known({ status }: Made): readonly Drifted[] {
  return (status?.drift ?? []).map(driftedOf);
}

function recorded(held: readonly Made[]): ReadonlyMap<string, readonly Drifted[]> {
  return new Map(
    held.map((one) => [addressOf(one), known(one)] as const).filter(([, all]) => all.length > 0),
  );
}

type Since = { readonly mayHaveChanged: (resource: Resource) => boolean } | { readonly warning: Diagnostic };

async function sinceOf(query: RefreshQuery, { store, clock, drift }: RefreshParts): Promise<Since> {
  const { since } = query;
  if (since === undefined) return { mayHaveChanged: () => true };
  if (since === false) return { mayHaveChanged: () => false };
  const time = await momentOf(since, query, store, clock);
  if (time === undefined) return { warning: unknownMoment(since, query) };
  const revision = await revisionAt(store, time);
  return {
    mayHaveChanged: (resource) =>
      Number(resource.metadata.resourceVersion) > revision ||
      (drift.lookedAt(keyOf(resource)) ?? Number.NEGATIVE_INFINITY) < time,
  };
}

/** Everything, when that is compacted away. */
async function revisionAt(store: Store, time: number): Promise<number> {
  try {
    return (await store.at({ time })).revision;
  } catch (error) {
    if (error instanceof StoreError && error.code === "Expired") return -1;
    throw error;
  }
}

async function momentOf(
  since: string,
  { system, namespace }: RefreshQuery,
  store: Pick<Store, "get" | "change">,
  clock: Clock,
): Promise<number | undefined> {
  const record = /^\d+$/.test(since)
    ? store.get({ kind: "Revision", namespace, name: `${system}-${since}` })
    : store.get({ kind: "Change", namespace, name: since });
  if (record !== undefined) return Date.parse(record.metadata.creationTimestamp);
  if (/^\d+$/.test(since)) return (await store.change(Number(since)))?.time;
  if (/^\d{4}-\d{2}-/.test(since)) return Number.isNaN(Date.parse(since)) ? undefined : Date.parse(since);
  try {
    return clock.now() - parseDuration(since);
  } catch {
    return undefined;
  }
}

function unknownMoment(since: string, { system }: RefreshQuery): Diagnostic {
  return {
    severity: "warning",
    code: "UnknownMoment",
    address: `system/${system}`,
    message: `'${since.slice(0, 60)}' is no revision, Change, time or duration: the plan is not refreshed.`,
    hint: `Write for example --since 2h, --since ${system}-12 (a Change), --since 12 (a revision) or a time in RFC 3339.`,
  };
}
