/**
 * What provision asks before it makes a thing so again: whether others changed it meanwhile, and what of that is to stay.
 * Without anybody to ask, everything is set back.
 */
import type { Key, Resource } from "../model/resource.ts";
import type { Desired, Provider } from "../provider/provider.ts";
import type { ReconcileContext } from "./reconciler.ts";

export interface DriftJudge {
  /**
   * Looks at the thing, records how it differs from `status.made`, and resolves with the spec to ensure now: the one
   * given, with what was found in the places that are not to be set back. Never rejects for what a provider does.
   * `desired`: with the spec by which it was made.
   */
  beforeEnsure(
    resource: Resource,
    spec: unknown,
    made: { readonly provider: Provider; readonly desired: Desired },
    context: ReconcileContext,
  ): Promise<unknown>;
  /** It is being changed from now on, until what this gives back is called: how it looks meanwhile is no drift. */
  changing(key: Key): () => void;
}

/** As it stands in `status.drift`. */
export interface DriftEntry {
  /** Of the spec; empty when the thing is gone. */
  readonly path: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly secret?: boolean;
  readonly since: string;
  readonly answer: "revert" | "report" | "tolerate";
  readonly until?: string;
  readonly by?: string;
}

/** As it stands in `status.setBack`. */
export interface SetBack {
  readonly path: string;
  readonly hash: string;
  readonly times: number;
  readonly at: string;
  readonly next?: string;
}

/** What a status tells of drift, of every kind. */
export interface DriftStatus {
  readonly drift?: readonly DriftEntry[];
  readonly setBack?: readonly SetBack[];
  readonly reverted?: string;
}

/** One entry of the annotation `tutti.dev/tolerate`. */
export interface Toleration {
  readonly path: string;
  /** RFC 3339. */
  readonly until: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Of the annotation; nothing of what cannot be read. */
export function tolerationsIn(text: string | undefined): readonly Toleration[] {
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(value) ? value.filter(isToleration) : [];
  } catch {
    return [];
  }
}

function isToleration(value: unknown): value is Toleration {
  const { path, until } = (value ?? {}) as Partial<Toleration>;
  return typeof path === "string" && typeof until === "string" && !Number.isNaN(Date.parse(until));
}
