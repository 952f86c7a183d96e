/**
 * The seam between the plan and what stands for several resources: a ResourceSet for its members, a System in several
 * Locations for itself in each. Expansion comes after admission and before the differences are looked at.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";

export interface ExpansionContext {
  readonly system: string;
  readonly namespace: string;
  /** What the present values are taken from: the status of a resource that is ready and not `pending`. */
  readonly live: Snapshot;
  /** Made, or made anew, by this very plan: what it will put out is not known. */
  readonly pending: (address: string) => boolean;
}

/** What cannot be told yet, of one declared resource. */
export interface Unknown {
  /** Of what was declared: `resourceSet/subnets`. */
  readonly address: string;
  /** Addresses of what must be ready first. */
  readonly until: readonly string[];
  /** One sentence: "How many members it has is told by network/main, which is made first." */
  readonly because: string;
}

export interface Expansion {
  /** What was given, with the members of each set that is known beside it; each member labelled with its set. */
  readonly resources: readonly Draft[];
  /** Sets whose members are not known; those that they had are kept as they are. */
  readonly unknown: readonly Unknown[];
  /** What is wrong with members: names taken twice, a shape that does not fit. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Pure. `resources` as admitted, the System among them. */
export type Expand = (resources: readonly Draft[], context: ExpansionContext) => Expansion;

/** On each member: the name of its set. */
export const SET = "tutti.dev/set";

/** Of what is called as something before it: `what` says what it is besides. `seen` grows by what comes. */
export function takenTwice(
  resources: readonly Draft[],
  seen: Set<string>,
  what: (resource: Draft) => string,
): readonly Diagnostic[] {
  return resources.flatMap((resource): readonly Diagnostic[] => {
    const address = addressOf(resource);
    if (!seen.has(address)) {
      seen.add(address);
      return [];
    }
    return [
      {
        severity: "error",
        code: "DuplicateResource",
        address,
        message: `${address} is declared, and ${what(resource)} as well.`,
        hint: "Give one of them another name.",
      },
    ];
  });
}
