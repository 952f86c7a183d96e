/**
 * A folder that belongs to one process at a time: a lock of the operating system (through SQLite) on the file `lock` in it,
 * so none outlives its process, however that died.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { refuse } from "../../diagnostics/diagnostic.ts";

/** Gives what releases it. Refuses with FolderInUse. */
export function lockFolder(folder: string): () => void {
  const database = new DatabaseSync(join(folder, "lock"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    refuse({
      code: "FolderInUse",
      message: `Another process keeps its workflows in ${folder}.`,
      hint: "Stop it first, or give this one a folder of its own.",
    });
  }
  return () => database.close();
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /database is locked/.test(error.message);
}
