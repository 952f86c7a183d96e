/** The contents that a System has had, as its Revisions record them. */
import { type Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, LABELS } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";

export interface RevisionContent {
  readonly number: number;
  readonly resources: readonly Draft[];
  /** Name of the Change that made it. */
  readonly change?: string;
}

/** Newest first. */
export function revisionsOf(live: Snapshot, system: string, namespace: string): readonly RevisionContent[] {
  return live
    .list({ kind: "Revision", namespace, labels: { [LABELS.system]: system } })
    .items.flatMap((resource): readonly RevisionContent[] => {
      const spec = resource.spec as
        | {
            readonly system?: unknown;
            readonly number?: unknown;
            readonly resources?: unknown;
            readonly change?: string;
          }
        | undefined;
      if (spec?.system !== system || typeof spec.number !== "number" || !Array.isArray(spec.resources))
        return [];
      const { number, change } = spec;
      const resources = spec.resources as readonly Draft[];
      return [{ number, resources, ...(change === undefined ? {} : { change }) }];
    })
    .toSorted((a, b) => b.number - a.number);
}

/** The revision to go back to: the one asked for, or the one before the latest. */
export function revisionToRestore(
  live: Snapshot,
  system: string,
  namespace: string,
  number: number | undefined,
): RevisionContent | Diagnostic {
  const revisions = revisionsOf(live, system, namespace);
  const found =
    number === undefined ? revisions[1] : revisions.find((revision) => revision.number === number);
  if (found !== undefined) return found;
  const known = revisions.map((revision) => revision.number).join(", ");
  return {
    severity: "error",
    code: "UnknownRevision",
    address: `system/${system}`,
    message:
      number === undefined
        ? "There is no earlier revision to go back to."
        : `There is no revision ${number} of this system.`,
    hint: known === "" ? "Apply the system first." : `There is: ${known}.`,
  };
}
