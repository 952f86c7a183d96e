/**
 * The files of one attempt's log, below a folder of its own: `FIRST.log`, where FIRST is the number, counted from 0, of the
 * first line in it. `0.log` is the head, which stays; of the others the newest two are kept, each up to half of the tail.
 * What lies between the head and the oldest of them was left out.
 *
 * A line is framed as `MILLISECONDS STREAM TEXT`, STREAM being `o` or `e`. The last line of a file may be cut off, by a
 * crash: it is not read.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

export type StreamName = "stdout" | "stderr";

export interface LoggedLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly stream: StreamName;
  readonly text: string;
}

const LONGEST = 64 * 1024;

export function frame({ time, stream, text }: LoggedLine): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}... (cut)` : text;
  return `${time} ${stream === "stderr" ? "e" : "o"} ${short}\n`;
}

export function unframe(line: string): LoggedLine {
  const space = line.indexOf(" ");
  return {
    time: Number(line.slice(0, space)),
    stream: line[space + 1] === "e" ? "stderr" : "stdout",
    text: line.slice(space + 3),
  };
}

export function segmentFile(folder: string, first: number): string {
  return join(folder, `${first}.log`);
}

/** The numbers of the first lines, ascending; empty when nothing was logged. */
export async function segmentsIn(folder: string): Promise<readonly number[]> {
  const names = await namesIn(folder);
  return names
    .flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((one, other) => one - other);
}

/** Empty when there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
