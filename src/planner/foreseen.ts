/** What providers said would come of a plan: an input of the plan that is shown, recorded with it. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Plan } from "./plan.ts";
import type { Requested } from "./requests.ts";

export interface Foresight {
  readonly foreseen: NonNullable<Requested["foreseen"]>;
  /** What they refuse, what they remark, and who could not be asked. */
  readonly diagnostics: readonly Diagnostic[];
}

/** `again` plans with what has been foreseen so far. */
export type Foresee = (first: Plan, again: (foreseen: Foresight["foreseen"]) => Plan) => Promise<Foresight>;

export const NOTHING_FORESEEN: Foresight = { foreseen: {}, diagnostics: [] };
