import type { Clock } from "../../../clock/clock.ts";
import { respondsToSignal } from "./adopted.ts";
import { type ProcessEntry, isAlive, isDead, processEntries, treeOf } from "./process-table.ts";

/** Signals to a process together with everything that belongs to it. */

/** Sends `signal` to every member of the group; false when the group has no member left. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return sendSignal(-group, signal);
}

/**
 * SIGKILL to the group and to what the leader's tree holds outside of it (a child that made itself a session, as
 * PostgreSQL's backends do). The tree is read first: after the leader's death nothing points at those any more.
 */
export function killTree(leader: number): void {
  const outside = treeOf(leader, recentEntries()).filter((entry) => entry.group !== leader);
  signalGroup(leader, "SIGKILL");
  for (const entry of outside) if (isAlive(entry)) sendSignal(entry.pid, "SIGKILL");
}

/**
 * The table of processes as of at most 20 ms ago: five hundred kills at once read it once. A child made after that is
 * in its parent's group, or escapes as one made after any other reading would.
 */
function recentEntries(): readonly ProcessEntry[] {
  if (performance.now() - recent.at > 20) recent = { entries: processEntries(), at: performance.now() };
  return recent.entries;
}
let recent: { readonly entries: readonly ProcessEntry[]; readonly at: number } = {
  entries: [],
  at: -Infinity,
};

/** Whether any member of the group lives. The dead that nobody has reaped yet do not count. */
export function groupLives(group: number): boolean {
  if (!respondsToSignal(-group)) return false;
  return processEntries().some((entry) => entry.group === group && !isDead(entry));
}

/** Resolves with true when the group is gone, with false after `milliseconds`. */
export async function groupGone(group: number, milliseconds: number, clock: Clock): Promise<boolean> {
  const deadline = clock.now() + milliseconds;
  for (let pause = 2; groupLives(group); pause = Math.min(50, pause * 2)) {
    if (clock.now() >= deadline) return false;
    await clock.sleep(pause);
  }
  return true;
}

function sendSignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
