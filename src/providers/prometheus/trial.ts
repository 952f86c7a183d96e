/**
 * Files of a program change together, and only if the program takes them.
 *
 *   (at rest) --write--> on trial: the former files are in the journal --taken--> at rest, no journal
 *                                       '--refused, or a kill and then the next call--> the former files, no journal
 *
 *  - The journal is there before the first file is touched, so whoever comes after a kill can undo what nobody has judged.
 *  - Each file takes its place whole.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Text by absolute path; `null`: it is not there. */
export type Files = Readonly<Record<string, string | null>>;

interface Journal {
  readonly mode: number;
  readonly former: Files;
}

/**
 * Resolves when the program has taken `files` (`take` resolves); else the former files are in force and this rejects.
 * `mode`: who may read them.
 */
export async function onTrial(
  journal: string,
  { files, mode }: { readonly files: Files; readonly mode: number },
  take: () => Promise<void>,
): Promise<void> {
  const wasOnTrial = undoTrial(journal);
  const changed = Object.entries(files).filter(([path, text]) => readText(path) !== text);
  if (changed.length === 0) {
    // What was undone may be what the program runs with.
    if (wasOnTrial) await take();
    return;
  }
  const former = Object.fromEntries(changed.map(([path]) => [path, readText(path)]));
  writeText(journal, JSON.stringify({ mode, former } satisfies Journal), 0o600);
  for (const [path, text] of changed) writeText(path, text, mode);
  try {
    await take();
  } catch (error) {
    undoTrial(journal);
    // Parts of what is refused may be in force. What it says of the former is no news.
    await take().catch(() => undefined);
    throw error;
  }
  rmSync(journal, { force: true });
}

/** Whether there was anything to undo. */
export function undoTrial(journal: string): boolean {
  const text = readText(journal);
  if (text === null) return false;
  const { mode, former } = JSON.parse(text) as Journal;
  for (const [path, content] of Object.entries(former)) writeText(path, content, mode);
  rmSync(journal, { force: true });
  return true;
}

export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export function writeText(path: string, text: string | null, mode: number): void {
  if (text === null) return rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.part`;
  writeFileSync(partial, text, { mode });
  renameSync(partial, path);
}
