/**
 * The process that starts processes (spawner.ts says why): `spawner-main.ts <name of its barrier>`, with a channel to the
 * control plane. It keeps nothing; when the channel closes it ends, and what it started runs on.
 *
 * Starts are one an event-loop turn, so that ends are told in between.
 */
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../clock/clock.ts";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { passBirthBarrier } from "./birth-barrier.ts";
import type { ProcessIdentity, ProcessSpec } from "./process-spec.ts";
import { identityFrom, processEntry } from "./process-table.ts";
import { spawnDetached } from "./spawn.ts";

export interface ToSpawner {
  readonly number: number;
  readonly home: string;
  readonly spec: ProcessSpec;
  /** Control groups (folders) to put it into. */
  readonly groups: readonly string[];
}

export type FromSpawner =
  | { readonly type: "ready" }
  | { readonly type: "born"; readonly number: number; readonly identity: ProcessIdentity }
  | {
      readonly type: "failed";
      readonly number: number;
      readonly diagnostics: readonly Diagnostic[];
      readonly reason: string;
    }
  | {
      readonly type: "exit";
      readonly pid: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

const waiting: ToSpawner[] = [];

function tell(message: FromSpawner): void {
  // Nobody is left to be told when it fails: the channel's end follows.
  if (process.connected) process.send?.(message, () => {});
}

function startNext(): void {
  const request = waiting.shift();
  if (request === undefined) return;
  if (waiting.length > 0) setImmediate(startNext);
  try {
    tell({ type: "born", number: request.number, identity: start(request) });
  } catch (error) {
    const diagnostics = error instanceof DiagnosticError ? error.diagnostics : [];
    tell({ type: "failed", number: request.number, diagnostics, reason: String(error) });
  }
}

function start({ home, spec, groups }: ToSpawner): ProcessIdentity {
  const child = spawnDetached(spec, home, groups);
  enter(child, groups);
  child.once("exit", (code, signal) => tell({ type: "exit", pid: child.pid, code, signal }));
  // One that has ended already is still in the table until Node reaps it, so its start time can always be read.
  const found = processEntry(child.pid);
  return found === undefined ? { pid: child.pid, startTime: 0 } : identityFrom(found);
}

function enter(child: ChildProcess & { readonly pid: number }, groups: readonly string[]): void {
  try {
    for (const group of groups) writeFileSync(join(group, "cgroup.procs"), String(child.pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return; // it has ended already
    child.kill("SIGKILL");
    throw error;
  }
}

// It ends with the channel, not by what ends others: the control plane may be waiting for programs that it stops.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.once("disconnect", () => process.exit(0));
process.on("message", (message) => {
  waiting.push(message as ToSpawner);
  if (waiting.length === 1) setImmediate(startNext);
});
await passBirthBarrier(process.argv[2] ?? "", systemClock);
tell({ type: "ready" });
