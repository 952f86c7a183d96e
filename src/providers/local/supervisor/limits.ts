import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import type { LimitName, ProcessLimits } from "./process-spec.ts";

/**
 * Limits of a process, by control groups where the kernel lets us: version 2 first, then the memory and cpu
 * hierarchies of version 1. Open files are an rlimit, set by the shell that becomes the process (spawn.ts).
 *
 * Invariants:
 * 1. A group belongs to one process id of one home; its path follows from both, so it is found again after a crash.
 * 2. A group is made below the group the control plane runs in, so limits set on the control plane keep holding.
 * 3. What cannot be enforced is said, never silently dropped.
 */
export interface PreparedLimits {
  readonly enforced: readonly LimitName[];
  readonly unenforced: readonly { readonly limit: LimitName; readonly reason: string }[];
  /** Folders of the groups that the process is put into right after its spawn, when it has run for some microseconds. */
  readonly groups: readonly string[];
}

interface Hierarchy {
  readonly base: string;
  readonly version: 1 | 2;
}

const root = "/sys/fs/cgroup";
const cpuPeriodMicroseconds = 100_000;
const none: PreparedLimits = { enforced: [], unenforced: [], groups: [] };

export class LimitGroups {
  readonly #folder: string;
  readonly #hierarchies = new Map<LimitName, Hierarchy | undefined>();
  readonly #made = new Map<string, readonly string[]>();

  constructor(home: string) {
    this.#folder = `tutti-${shortHash(home)}`;
  }

  /** Makes the groups for `limits` and sets their values. Never throws: what fails is reported as unenforced. */
  prepare(id: string, limits: ProcessLimits | undefined): PreparedLimits {
    if (limits === undefined) return none;
    const enforced: LimitName[] = limits.openFiles === undefined ? [] : ["openFiles"];
    const unenforced: { limit: LimitName; reason: string }[] = [];
    const groups = new Set<string>();
    for (const limit of ["memoryBytes", "cpu"] as const) {
      const value = limits[limit];
      if (value === undefined) continue;
      const outcome = this.#limit(id, limit, value);
      if ("reason" in outcome) unenforced.push({ limit, reason: outcome.reason });
      else {
        enforced.push(limit);
        groups.add(outcome.group);
      }
    }
    this.#made.set(id, [...groups]);
    return { enforced, unenforced, groups: [...groups] };
  }

  /** Removes the groups of an ended process; also after a restart, when it is not known any more which there were. */
  release(id: string): void {
    const known = this.#made.get(id);
    this.#made.delete(id);
    const candidates =
      known ?? [...this.#hierarchies.values()].flatMap((found) => (found ? [this.#path(found, id)] : []));
    for (const group of candidates) removeGroup(group);
  }

  /** Whether the kernel killed something of it for its memory limit. Known until it is released. */
  isOutOfMemory(id: string): boolean {
    const hierarchy = this.#hierarchies.get("memoryBytes");
    if (hierarchy === undefined) return false;
    const file = hierarchy.version === 2 ? "memory.events" : "memory.oom_control";
    try {
      const text = readFileSync(join(this.#path(hierarchy, id), file), "utf8");
      return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0) > 0;
    } catch {
      return false;
    }
  }

  /** Looks for the hierarchies once, making nothing, so that `release` knows where groups of an earlier control plane may be. */
  discover(): void {
    for (const limit of ["memoryBytes", "cpu"] as const) this.#hierarchy(limit);
  }

  #limit(id: string, limit: "memoryBytes" | "cpu", value: number): { group: string } | { reason: string } {
    const hierarchy = this.#hierarchy(limit);
    if (hierarchy === undefined)
      return { reason: `no writable ${limit === "cpu" ? "cpu" : "memory"} control group` };
    const group = this.#path(hierarchy, id);
    try {
      mkdirSync(group, { recursive: true });
      if (hierarchy.version === 2) {
        writeFileSync(join(group, "..", "cgroup.subtree_control"), `+${limit === "cpu" ? "cpu" : "memory"}`);
      }
      for (const [file, content] of settings(hierarchy.version, limit, value))
        writeFileSync(join(group, file), content);
      return { group };
    } catch (error) {
      return { reason: (error as Error).message };
    }
  }

  #path(hierarchy: Hierarchy, id: string): string {
    return join(hierarchy.base, this.#folder, shortHash(id));
  }

  #hierarchy(limit: "memoryBytes" | "cpu"): Hierarchy | undefined {
    if (!this.#hierarchies.has(limit)) {
      const controller = limit === "cpu" ? "cpu" : "memory";
      this.#hierarchies.set(limit, unified(controller) ?? legacy(controller));
    }
    return this.#hierarchies.get(limit);
  }
}

function settings(
  version: 1 | 2,
  limit: "memoryBytes" | "cpu",
  value: number,
): readonly (readonly [string, string])[] {
  const quota = Math.max(1_000, Math.round(value * cpuPeriodMicroseconds));
  if (limit === "memoryBytes")
    return [[version === 2 ? "memory.max" : "memory.limit_in_bytes", String(Math.floor(value))]];
  if (version === 2) return [["cpu.max", `${quota} ${cpuPeriodMicroseconds}`]];
  return [
    ["cpu.cfs_period_us", String(cpuPeriodMicroseconds)],
    ["cpu.cfs_quota_us", String(quota)],
  ];
}

/** Version 2: the controller must be there, and be handed down by a group that has no processes of its own. */
function unified(controller: string): Hierarchy | undefined {
  const base = [join(root, ownGroup("") ?? "/"), root].find((path) => offers(path, controller));
  return base === undefined ? undefined : { base, version: 2 };
}

function offers(base: string, controller: string): boolean {
  try {
    if (!readFileSync(join(base, "cgroup.controllers"), "utf8").split(/\s+/).includes(controller))
      return false;
    writeFileSync(join(base, "cgroup.subtree_control"), `+${controller}`);
    return true;
  } catch {
    return false; // read-only, not delegated, or the group has processes of its own
  }
}

function legacy(controller: string): Hierarchy | undefined {
  const mount = join(root, controller);
  const base = [join(mount, ownGroup(controller) ?? "/"), mount].find(isWritableGroup);
  return base === undefined ? undefined : { base, version: 1 };
}

function isWritableGroup(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return statSync(join(path, "cgroup.procs")).isFile();
  } catch {
    return false;
  }
}

/** The group this process is in, by controller name; the empty name is the unified hierarchy. */
function ownGroup(controller: string): string | undefined {
  try {
    const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n");
    return lines
      .map((line) => line.split(":"))
      .find(([, names]) => names?.split(",").includes(controller))?.[2];
  } catch {
    return undefined;
  }
}

/** A group can be removed only when nothing lives in it; the one above it goes when it was the last. */
function removeGroup(group: string): void {
  for (const path of [group, join(group, "..")]) {
    try {
      rmdirSync(path);
    } catch {
      return;
    }
  }
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
