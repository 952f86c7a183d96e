/**
 * The state that a rehearsal begins from: that of the state folder as it is on disk at this moment, whether a control plane
 * runs or not. The files are copied and the copy is opened, so nothing is asked of anybody and nothing is changed.
 *
 *  - While somebody writes, only the log (WAL) grows; the file itself changes when the log is taken into it. A copy during
 *    which the file did not change is what a power loss would have left: whole up to some commit.
 */
import { constants, copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../clock/clock.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { DEFINITION, learnAll } from "../../kinds/declared-kinds.ts";
import { kinds } from "../../kinds/registry.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import { openSqliteStore } from "../../stores/sqlite.ts";

/** What happened is no part of what is. */
const LEFT_OUT: ReadonlySet<string> = new Set(["Event", "Run", "Alert", "Backup"]);
const ATTEMPTS = 5;

/** Nothing when there is no store yet. `file`: of the store, absolute. */
export async function stateIn(file: string): Promise<readonly Resource[]> {
  if (!existsSync(file)) return [];
  const folder = mkdtempSync(join(tmpdir(), "tutti-rehearsal-"));
  try {
    const copy = join(folder, "store.db");
    copyWhole(file, copy);
    const store = await openSqliteStore({ file: copy, clock: systemClock });
    try {
      learnAll(store.list({ kind: DEFINITION }).items as readonly Draft[]);
      return kinds
        .filter(({ kind }) => !LEFT_OUT.has(kind))
        .flatMap(({ kind }) => store.list({ kind }).items);
    } finally {
      await store.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyWhole(file: string, copy: string): void {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = mark(file);
    copyFileSync(file, copy, constants.COPYFILE_FICLONE);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE);
    if (mark(file) === before) return;
  }
  throw new DiagnosticError([
    {
      severity: "error",
      code: "StateMoves",
      message: "The control plane writes so much that its state cannot be copied at a moment.",
      hint: "Try again in a while, or rehearse from nothing with --empty.",
    },
  ]);
}

function mark(file: string): string {
  const { mtimeNs, size } = statSync(file, { bigint: true });
  return `${mtimeNs} ${size}`;
}
