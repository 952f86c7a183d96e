/** What was found by looking at a System's things while a plan is made. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Drifted } from "./plan.ts";

export interface RefreshQuery {
  readonly system: string;
  readonly namespace: string;
  /**
   * Only what may have changed since: the number of a Revision (of the System, else of the store), the name of a Change, a
   * time in RFC 3339, or a duration back from now.
   * Everything when absent; nothing with false.
   */
  readonly since?: string | false;
  /** Addresses: only these, when present. */
  readonly only?: readonly string[];
}

export interface Refreshed {
  /** By address. */
  readonly drift: ReadonlyMap<string, readonly Drifted[]>;
  /** Who could not be asked. */
  readonly warnings: readonly Diagnostic[];
}

/** Something is set back when the plan is carried out. */
export function isSetBack(drift: readonly Drifted[] | undefined): boolean {
  return drift?.some(({ answer = "revert" }) => answer === "revert") === true;
}
