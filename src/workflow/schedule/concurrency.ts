/**
 * What becomes of due times while earlier runs of the schedule still run.
 *
 *     allow    every time starts
 *     queue    what finds no room waits, at most so many; of more the oldest are skipped
 *     skip     what finds no room is skipped
 *     cancel   the latest time waits, and all that run are cancelled for it; times before it are skipped
 *
 * A run that is being cancelled runs until it has ended: its successor starts after that, so that no more run than may.
 * Level-triggered: asked again with what the last answer led to, it asks for nothing more.
 */
export type Concurrency =
  | { readonly policy: "allow" }
  | { readonly policy: "queue"; readonly room?: number; readonly queueLimit?: number }
  | { readonly policy: "skip"; readonly room?: number }
  | { readonly policy: "cancel" };

export interface RunningRun {
  readonly id: string;
  readonly isCancelling: boolean;
}

export interface ConcurrencyActions {
  /** Nominal times, ascending, as in all lists. */
  readonly start: readonly number[];
  /** All that wait from now on. */
  readonly queue: readonly number[];
  readonly skip: readonly { readonly time: number; readonly why: string }[];
  /** Runs, by id. */
  readonly cancel: readonly string[];
}

const QUEUE_LIMIT = 100;

/** `queued` are times that wait since before, `due` those that `decideDue` fires now. */
export function decideConcurrency(
  concurrency: Concurrency,
  running: readonly RunningRun[],
  queued: readonly number[],
  due: readonly number[],
): ConcurrencyActions {
  const times = [...new Set([...queued, ...due])].sort((a, b) => a - b);
  const nothing = { start: [], queue: [], skip: [], cancel: [] };
  if (concurrency.policy === "allow") return { ...nothing, start: times };
  if (concurrency.policy === "cancel") return replaced(running, times);
  const free = Math.max(0, (concurrency.room ?? 1) - running.length);
  const start = times.slice(0, free);
  const rest = times.slice(free);
  if (concurrency.policy === "skip")
    return {
      ...nothing,
      start,
      skip: skipped(rest, `${running.length + start.length} of its runs are still running`),
    };
  const limit = concurrency.queueLimit ?? QUEUE_LIMIT;
  const over = Math.max(0, rest.length - limit);
  return {
    ...nothing,
    start,
    queue: rest.slice(over),
    skip: skipped(rest.slice(0, over), `the queue holds ${limit} later times`),
  };
}

function replaced(running: readonly RunningRun[], times: readonly number[]): ConcurrencyActions {
  const latest = times.slice(-1);
  const skip = skipped(times.slice(0, -1), "a later time takes its place");
  if (running.length === 0) return { start: latest, queue: [], skip, cancel: [] };
  const cancel =
    latest.length === 0 ? [] : running.filter(({ isCancelling }) => !isCancelling).map(({ id }) => id);
  return { start: [], queue: latest, skip, cancel };
}

function skipped(times: readonly number[], why: string): ConcurrencyActions["skip"] {
  return times.map((time) => ({ time, why }));
}
