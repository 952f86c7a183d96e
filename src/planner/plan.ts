/**
 * A plan is data: what would change, in which order, computed by a pure function from what is declared, what is live and
 * what providers answered (§4). It is shown, hashed, approved and then applied verbatim or refused (I7). Values of secrets are
 * never in it: where one stands, the plan holds its sealed text, and views print `(secret)`.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";

/**
 * `adopt`: what is there becomes the resource's thing, unchanged. `move`: the same thing under another name. `unknown`:
 * which of the others it will be shows only when what `unknownUntil` names is ready. `forget`: the resource goes, the thing
 * stays.
 */
export type Action =
  | "create"
  | "update"
  | "replace"
  | "delete"
  | "none"
  | "adopt"
  | "move"
  | "unknown"
  | "forget";

export interface AttributeChange {
  /** `spec.replicas`, `metadata.labels.team`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** The value is, or is made from, a secret. */
  readonly secret?: boolean;
  /** Not known before something else is ready: the addresses it waits for. */
  readonly unknownUntil?: readonly string[];
}

/** The thing is not as it was made. */
export interface Drifted {
  /** Of the spec; absent when the thing is gone. */
  readonly path?: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly secret?: boolean;
  /** What is done about it: set back, only said, or allowed. Set back when absent. */
  readonly answer?: "revert" | "report" | "tolerate";
}

export interface Step {
  readonly action: Action;
  /** `service/api`. */
  readonly address: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly changes: readonly AttributeChange[];
  /** Why it must be replaced: the paths that cannot be changed in place. */
  readonly replaceBecause?: readonly string[];
  /** Replaced because somebody asked for it (`--replace`). */
  readonly replaceRequested?: boolean;
  /** Of a replacement: the new one is made before the former one goes. */
  readonly createBeforeDestroy?: boolean;
  /** Of `move`: the address it had. */
  readonly movedFrom?: string;
  /** Of `adopt`: what is taken, as its provider calls it. */
  readonly adopts?: string;
  /** Of `unknown`: the addresses it waits for, and why nothing more can be said, one sentence. */
  readonly unknownUntil?: readonly string[];
  readonly because?: string;
  /** How the thing differs from what it was made from; the step, or the controllers, set it back. */
  readonly drift?: readonly Drifted[];
  /** What is lost when this is done, one sentence: data of a volume without `retain`. Asks for confirmation. */
  readonly loses?: string;
  /** Data that stays although the resource goes. */
  readonly keeps?: string;
  /** Why it cannot be taken back by `undo`, one sentence; absent when it can. */
  readonly irreversible?: string;
  /** Of a System in several Locations: the wave it belongs to, from 0. */
  readonly wave?: number;
  /** Addresses that must be done before. */
  readonly after: readonly string[];
  /** The resourceVersion it was planned against; absent for create. */
  readonly baseVersion?: string;
}

export interface Plan {
  readonly system: string;
  readonly namespace: string;
  readonly action: "apply" | "down" | "rollback" | "undo";
  /** For `rollback`: the revision whose content is declared again. */
  readonly toRevision?: number;
  /** For `undo`: the Change that is taken back. */
  readonly undoes?: string;
  /** In the order in which they are applied. Steps with action `none` are included. */
  readonly steps: readonly Step[];
  readonly summary: Readonly<Record<Action, number>>;
  /** True when something is deleted or replaced: needs a yes. */
  readonly destructive: boolean;
  /** Only a part was looked at: the addresses given by --target or --exclude. */
  readonly restricted?: { readonly targets?: readonly string[]; readonly excludes?: readonly string[] };
  readonly warnings: readonly Diagnostic[];
  /** SHA-256 over the content, in hex: the same declaration against the same base gives the same hash. */
  readonly hash: string;
  /** What would be committed: admitted, with defaults, secrets sealed. */
  readonly resources: readonly Draft[];
}

export const NO_STEPS: Readonly<Record<Action, number>> = {
  create: 0,
  update: 0,
  replace: 0,
  delete: 0,
  none: 0,
  adopt: 0,
  move: 0,
  unknown: 0,
  forget: 0,
};

/** As a Change holds it: what stays as it is is said by number, but for waves, whose gates look at all that is in them. */
export function recordedPlan({ resources: _resources, ...plan }: Plan): Omit<Plan, "resources"> {
  return { ...plan, steps: plan.steps.filter(({ action, wave }) => action !== "none" || wave !== undefined) };
}
