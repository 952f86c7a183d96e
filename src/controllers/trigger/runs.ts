/** Runs of another workflow that have ended. */
import { type Run, hasEnded } from "../../controller/runs.ts";
import type { IndexView } from "../../controller/view.ts";
import type { Happening, Trigger, TriggeredSchedule } from "./fire.ts";

type RunTrigger = Extract<Trigger, { readonly workflow: object }>;

export function endsFor(
  { metadata }: TriggeredSchedule,
  { workflow: { name, phases } }: RunTrigger,
  runs: IndexView<Run>,
): { readonly happenings: readonly Happening[]; readonly present: readonly string[] } {
  const begun = Date.parse(metadata.creationTimestamp);
  const own = [...runs.get(`${metadata.namespace ?? "default"}/${name}`).values()];
  const happenings = own
    .filter(
      (run) =>
        hasEnded(run) &&
        phases.includes(run.status?.phase ?? "") &&
        Date.parse(run.status?.endedAt ?? "") >= begun,
    )
    .toSorted((one, other) => (endOf(one) < endOf(other) ? -1 : 1))
    .map((run): Happening => {
      const { phase, output = null, failure = null } = run.status ?? {};
      const event = {
        run: run.metadata.name,
        workflow: name,
        phase,
        output,
        failure,
        parameters: run.spec.parameters,
      };
      return { identity: run.metadata.uid, event };
    });
  return { happenings, present: own.map(({ metadata: { uid } }) => uid) };
}

function endOf({ status }: Run): string {
  return status?.endedAt ?? "";
}
