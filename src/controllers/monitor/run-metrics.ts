/**
 * What is known of runs, as series by workflow: how many ended how, and how long they took; which wait, are late, or do not go
 * on. Ends are counted as they are seen, since Runs are removed in time; the rest is read on each scrape.
 */
import { type Run, hasEnded } from "../../controller/runs.ts";
import type { View } from "../../controller/view.ts";
import { conditionOf } from "../../model/condition.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import { Exposition, type LabelValues } from "../../provider/exposition.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import type { Change, Snapshot } from "../../store/store.ts";
import { withoutEmpty } from "./subject.ts";

const PHASES = ["Succeeded", "Failed", "Cancelled"] as const;
type Phase = (typeof PHASES)[number];

/** Seconds. */
const BOUNDS = [0.01, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400];
/** Late runs that are told one by one. */
const MOST_LATE = 100;

interface Ends {
  readonly counts: Record<Phase, number>;
  readonly buckets: number[];
  sum: number;
}

export class RunEnds implements View {
  /** By namespace and name of the workflow. */
  readonly #ends = new Map<string, Ends>();

  /** What ended before is not counted again. */
  fill(): void {}

  apply({ key, type, resource, previous }: Change): void {
    if (key.kind === "Workflow" && type === "DELETED") this.#ends.delete(`${key.namespace}/${key.name}`);
    if (key.kind !== "Run" || type !== "MODIFIED") return;
    const run = resource as Run;
    if (!hasEnded(run) || (previous !== undefined && hasEnded(previous as Run))) return;
    this.#count(`${key.namespace}/${run.spec.workflow}`, run);
  }

  of(workflow: string): Ends {
    return this.#ends.get(workflow) ?? none();
  }

  #count(workflow: string, { status }: Run): void {
    const ends = this.#ends.get(workflow) ?? none();
    this.#ends.set(workflow, ends);
    const phase = PHASES.find((one) => one === status?.phase);
    if (phase !== undefined) ends.counts[phase]++;
    const took = (Date.parse(status?.endedAt ?? "") - Date.parse(status?.startedAt ?? "")) / 1000;
    if (!(took >= 0)) return;
    const bucket = BOUNDS.findIndex((bound) => took <= bound);
    const at = bucket < 0 ? BOUNDS.length : bucket;
    ends.buckets[at] = (ends.buckets[at] ?? 0) + 1;
    ends.sum += took;
  }
}

function none(): Ends {
  return {
    counts: { Succeeded: 0, Failed: 0, Cancelled: 0 },
    buckets: Array.from({ length: BOUNDS.length + 1 }, () => 0),
    sum: 0,
  };
}

interface Standing {
  active: number;
  queued: number;
  halted: number;
  /** Milliseconds since the epoch. */
  oldest: number;
  readonly late: Run[];
}

/** Empty when there are no workflows. */
export function runMetrics(store: Pick<Snapshot, "list">, ends: RunEnds): string {
  const workflows = store
    .list({ kind: "Workflow" })
    .items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (workflows.length === 0) return "";
  const standing = standingOf(store.list({ kind: "Run" }).items as readonly Run[]);
  const all = workflows.map((workflow) => {
    const index = `${workflow.metadata.namespace ?? "default"}/${workflow.metadata.name}`;
    return { labels: labelsOf(workflow), ends: ends.of(index), now: standing.get(index) };
  });
  const out = new Exposition();
  // What has not happened yet is there as 0: only what was there before can be seen to grow.
  out.samples(
    "tutti_run_total",
    "counter",
    "Runs that have ended, by how.",
    all.flatMap(({ labels, ends: { counts } }) =>
      PHASES.map((phase) => [{ ...labels, phase }, counts[phase]] as const),
    ),
  );
  out.family("tutti_run_duration_seconds", "histogram", "How long runs took from start to end.");
  for (const {
    labels,
    ends: { buckets, sum },
  } of all)
    out.histogram("tutti_run_duration_seconds", labels, BOUNDS, { counts: buckets, sum });
  const gauge = (name: string, help: string, value: (now: Standing | undefined) => number): void =>
    out.samples(
      name,
      "gauge",
      help,
      all.map(({ labels, now }) => [labels, value(now)] as const),
    );
  gauge("tutti_run_active", "Runs that go on.", (now) => now?.active ?? 0);
  gauge("tutti_run_queued", "Runs that wait for their turn.", (now) => now?.queued ?? 0);
  gauge(
    "tutti_run_halted",
    "Runs that do not go on, until somebody mends something.",
    (now) => now?.halted ?? 0,
  );
  out.samples(
    "tutti_run_queued_since_timestamp_seconds",
    "gauge",
    "Since when the run that has waited for longest does.",
    all.flatMap(({ labels, now }) =>
      now === undefined || now.queued === 0 ? [] : [[labels, now.oldest / 1000] as const],
    ),
  );
  out.samples(
    "tutti_run_late",
    "gauge",
    "1 for a run that goes on past its deadline, with why it is late.",
    all.flatMap(({ labels, now }) =>
      (now?.late ?? [])
        .slice(0, MOST_LATE)
        .map((run) => [{ ...labels, run: run.metadata.name, why: run.status?.late ?? "" }, 1] as const),
    ),
  );
  return out.toString();
}

function standingOf(runs: readonly Run[]): ReadonlyMap<string, Standing> {
  const all = new Map<string, Standing>();
  for (const run of runs) {
    if (hasEnded(run)) continue;
    const index = `${run.metadata.namespace ?? "default"}/${run.spec.workflow}`;
    const standing = all.get(index) ?? { active: 0, queued: 0, halted: 0, oldest: Infinity, late: [] };
    all.set(index, standing);
    if (conditionOf(run, "Ready")?.reason === "Halted") standing.halted++;
    else if ((run.status?.phase ?? "Queued") !== "Queued") standing.active++;
    else {
      standing.queued++;
      standing.oldest = Math.min(standing.oldest, Date.parse(run.metadata.creationTimestamp));
    }
    if (run.status?.late !== undefined) standing.late.push(run);
  }
  return all;
}

function labelsOf({ metadata }: Resource): LabelValues {
  return withoutEmpty({
    [TARGET_LABELS.namespace]: metadata.namespace ?? "default",
    [TARGET_LABELS.system]: metadata.labels?.[LABELS.system] ?? "",
    [TARGET_LABELS.resource]: `workflow/${metadata.name}`,
  });
}
