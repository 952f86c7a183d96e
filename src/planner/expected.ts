/**
 * What specs will be when a plan has been carried out, as far as is known while it is made: what providers are asked about.
 *
 *     draft --effective in the coming world--> values, and expressions that wait for something: UNKNOWN
 *
 *  - What is made by the same plan has put out nothing yet, so nothing is known of it.
 *  - The planner opens no secret: what is made from one is what the controllers make of it now, and unknown where the plan
 *    changes what it is made from.
 */
import { kindNamed } from "../kinds/registry.ts";
import { bodySchema } from "../kinds/schema.ts";
import { referencesIn } from "../model/expression.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { containsSealed } from "../model/sealed.ts";
import { type Path, valueAt } from "../model/walk.ts";
import { UNKNOWN } from "../provider/provider.ts";
import type { Snapshot } from "../store/store.ts";
import { Computed, type World, effective } from "./effective.ts";
import type { Action, Plan } from "./plan.ts";
import { bodyOf } from "./target.ts";
import { comingWorld, liveWorld } from "./worlds.ts";

/** What these put out is not what it was. */
export const MAKING: ReadonlySet<Action> = new Set(["create", "adopt", "replace", "unknown"]);

/** The spec with all references as they are now, secrets sealed; undefined when something it refers to is not ready. */
export type ResolveNow = (draft: Draft) => unknown;

/** Gives the spec of a resource of the plan. */
export function expectedSpecs(plan: Plan, live: Snapshot, resolveNow: ResolveNow): (draft: Draft) => unknown {
  const drafts = new Map(plan.resources.map((draft) => [addressOf(draft), draft]));
  const steps = new Map(plan.steps.map((step) => [step.address, step]));
  const { system, namespace } = plan;
  const world = comingWorld(liveWorld({ live, system, namespace }), {
    target: (address) => drafts.get(address),
    system: plan.resources.find(({ kind }) => kind === "System"),
    pending: (address) => MAKING.has(steps.get(address)?.action ?? "none"),
    former: (address) => steps.get(address)?.movedFrom ?? address,
  });
  const isChanging = (address: string): boolean => (steps.get(address)?.action ?? "none") !== "none";
  return (draft) => new Expected(draft, { world, isChanging, resolveNow }).spec();
}

interface Looking {
  readonly world: World;
  readonly isChanging: (address: string) => boolean;
  readonly resolveNow: ResolveNow;
}

class Expected {
  readonly #draft: Draft;
  readonly #looking: Looking;
  #now: { readonly spec: unknown } | undefined;

  constructor(draft: Draft, looking: Looking) {
    this.#draft = draft;
    this.#looking = looking;
  }

  spec(): unknown {
    const kind = kindNamed(this.#draft.kind);
    const schema = kind === undefined ? undefined : bodySchema(kind);
    const { spec } = effective(bodyOf(this.#draft), this.#looking.world, schema) as {
      readonly spec?: unknown;
    };
    return this.#settled(spec, []);
  }

  #settled(value: unknown, path: Path): unknown {
    if (value instanceof Computed) return this.#valueOf(value, path);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((member, index) => this.#settled(member, [...path, index]));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.#settled(member, [...path, name])]),
    );
  }

  #valueOf(computed: Computed, path: Path): unknown {
    if (computed.until.length > 0) return UNKNOWN;
    const value = computed.present();
    if (!computed.secret && !containsSealed(value)) return value ?? UNKNOWN;
    const { isChanging, resolveNow } = this.#looking;
    const isMoving = referencesIn(computed.text).some(({ root, name }) => isChanging(`${root}/${name}`));
    if (isMoving) return UNKNOWN;
    this.#now ??= { spec: resolveNow(this.#draft) };
    return valueAt(this.#now.spec, path) ?? UNKNOWN;
  }
}
