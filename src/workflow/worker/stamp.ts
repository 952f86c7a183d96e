/** When a file was last changed, as a text to compare. */
import { type Stats, statSync } from "node:fs";
import { stat } from "node:fs/promises";

/** `""` for one that is not there. */
export async function stampOf(file: string): Promise<string> {
  return text(await stat(file).catch(() => undefined));
}

export function stampNow(file: string): string {
  return text(statSync(file, { throwIfNoEntry: false }));
}

function text(stats: Stats | undefined): string {
  return stats === undefined ? "" : `${stats.mtimeMs}-${stats.size}-${stats.ino}`;
}
