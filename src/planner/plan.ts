/**
 * A plan is data: what would change, in which order, computed by a pure function from what is declared and what is live
 * (§4). It is shown, hashed, approved and then applied verbatim or refused (I7). Values of secrets are never in it: where
 * one stands, the plan holds its sealed text, and views print `(secret)`.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";

export type Action = "create" | "update" | "replace" | "delete" | "none";

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
  /** What is lost when this is done, one sentence: data of a volume without `retain`. Asks for confirmation. */
  readonly loses?: string;
  /** Data that stays although the resource goes. */
  readonly keeps?: string;
  /** Addresses that must be done before. */
  readonly after: readonly string[];
  /** The resourceVersion it was planned against; absent for create. */
  readonly baseVersion?: string;
}

export interface Plan {
  readonly system: string;
  readonly namespace: string;
  readonly action: "apply" | "down" | "rollback";
  /** For `rollback`: the revision whose content is declared again. */
  readonly toRevision?: number;
  /** In the order in which they are applied. Steps with action `none` are included. */
  readonly steps: readonly Step[];
  readonly summary: Readonly<Record<Action, number>>;
  /** True when something is deleted or replaced: needs a yes. */
  readonly destructive: boolean;
  readonly warnings: readonly Diagnostic[];
  /** SHA-256 over the content, in hex: the same declaration against the same base gives the same hash. */
  readonly hash: string;
  /** What would be committed: admitted, with defaults, secrets sealed. */
  readonly resources: readonly Draft[];
}
