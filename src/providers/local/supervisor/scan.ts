import {
  type ProcessEntry,
  environmentOf,
  identityFrom,
  isDead,
  processEntries,
  youngProcesses,
} from "./process-table.ts";
import type { Clock } from "../../../clock/clock.ts";
import { type ProcessIdentity, execMarker, homeMarker, idMarker } from "./process-spec.ts";

/**
 * Finds the processes of a home by the marker in their environment: the net under the recorded identities. A process
 * that was started in the very moment of a crash, before anybody could write its number down, is found here (I3).
 *
 * Children inherit the marker, so only the leader of its own session and group counts as the process itself. Of
 * several leaders with one id (a child that made itself a session) the oldest is the process. Strays are marked
 * processes nobody answers for: the rest of a process whose leader is gone, and commands run by `exec` whose control
 * plane died. What a living process started belongs to it, wherever it moved.
 */
export interface MarkedProcess extends ProcessIdentity {
  readonly id: string;
}

export interface ScanResult {
  readonly processes: readonly MarkedProcess[];
  readonly strays: readonly MarkedProcess[];
}

interface Candidate {
  readonly id: string;
  readonly entry: ProcessEntry;
  readonly exec: boolean;
}

/** One pass over the table; the environment of every living process is read once. */
export function scanProcesses(home: string): ScanResult {
  const entries = processEntries();
  const candidates = entries.flatMap((entry) => candidateOf(entry, home) ?? []);
  const processes = [...Map.groupBy(candidates.filter(isLeader), (candidate) => candidate.id).values()].map(
    oldest,
  );
  const living = new Set(processes.map(({ id }) => id));
  const strays = candidates.filter(
    ({ id, exec, entry }) => (exec || !living.has(id)) && entry.pid !== process.pid,
  );
  return { processes: processes.map(marked), strays: strays.map(marked) };
}

/** In the middle of exec a process has no environment for some microseconds; longer when its program is read from disk. */
const settling = { young: 5, patience: 200 } as const;

/**
 * Resolves when no young process is in the middle of its exec: after the barrier (birth-barrier.ts) the last
 * moment in which a scan could miss one. Processes that really have no environment delay it while they are young.
 */
export async function settledEnvironments(clock: Clock): Promise<void> {
  const deadline = clock.now() + settling.patience;
  while (clock.now() < deadline) {
    const unsettled = youngProcesses(settling.young).some(
      (entry) => !isDead(entry) && environmentOf(entry.pid)?.size === 0,
    );
    if (!unsettled) return;
    await clock.sleep(2);
  }
}

function candidateOf(entry: ProcessEntry, home: string): Candidate | undefined {
  if (isDead(entry)) return undefined;
  const environment = environmentOf(entry.pid);
  if (environment?.get(homeMarker) !== home) return undefined;
  const exec = environment.get(execMarker);
  const id = exec ?? environment.get(idMarker);
  return id === undefined ? undefined : { id, entry, exec: exec !== undefined };
}

function isLeader({ entry, exec }: Candidate): boolean {
  return !exec && entry.session === entry.pid && entry.group === entry.pid;
}

function oldest(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((first, other) => (other.entry.startTime < first.entry.startTime ? other : first));
}

function marked({ id, entry }: Candidate): MarkedProcess {
  return { id, ...identityFrom(entry) };
}
