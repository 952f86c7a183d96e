import type { RunningProcess } from "./process-spec.ts";
import { type ProcessEntry, maxOpenFilesOf, openFilesOf, processEntries } from "./process-table.ts";

export interface ProcessStats {
  /**
   * Processor seconds used by the process, what it started and what of that has ended. It can fall when a part of the
   * tree detached itself and ended elsewhere; readers of it as a counter treat a fall as a restart.
   */
  readonly cpuSeconds: number;
  /** Resident bytes, shared pages counted in each process, as every common tool does. */
  readonly residentBytes: number;
  readonly processes: number;
  /** Descriptors open in all of them; where the system tells. */
  readonly openFiles?: number;
  /** That the first of them may open. */
  readonly maxOpenFiles?: number;
}

/** One pass over the table of processes, whatever the number asked for; those that have ended are left out. */
export function readStats(running: readonly RunningProcess[]): Map<string, ProcessStats> {
  if (running.length === 0) return new Map();
  const entries = processEntries();
  const byNumber = new Map(entries.map((entry) => [entry.pid, entry]));
  const owners = new Map(
    running
      .filter((one) => byNumber.get(one.pid)?.startTime === one.startTime)
      .map((one) => [one.pid, one.id]),
  );
  const totals = new Map<string, ProcessStats>();
  for (const entry of entries) {
    const owner = ownerOf(entry, owners, byNumber);
    if (owner === undefined) continue;
    const total = totals.get(owner) ?? { cpuSeconds: 0, residentBytes: 0, processes: 0 };
    const openFiles = openFilesOf(entry.pid);
    const maxOpenFiles = owners.has(entry.pid) ? maxOpenFilesOf(entry.pid) : total.maxOpenFiles;
    totals.set(owner, {
      cpuSeconds: total.cpuSeconds + entry.cpuSeconds,
      residentBytes: total.residentBytes + entry.residentBytes,
      processes: total.processes + 1,
      ...(openFiles === undefined ? {} : { openFiles: (total.openFiles ?? 0) + openFiles }),
      ...(maxOpenFiles === undefined ? {} : { maxOpenFiles }),
    });
  }
  return totals;
}

/** The nearest of the asked-for processes above this one, or the one whose group or session it is in. */
function ownerOf(
  entry: ProcessEntry,
  owners: ReadonlyMap<number, string>,
  byNumber: ReadonlyMap<number, ProcessEntry>,
): string | undefined {
  let current: ProcessEntry | undefined = entry;
  for (let depth = 0; current !== undefined && depth < 64; depth++) {
    const owner = owners.get(current.pid) ?? owners.get(current.group) ?? owners.get(current.session);
    if (owner !== undefined) return owner;
    current = byNumber.get(current.parent);
  }
  return undefined;
}
