/** Reads one attempt's log (segments.ts), while it is written as well. */
import { open } from "node:fs/promises";
import { type LoggedLine, segmentFile, segmentsIn, unframe } from "./segments.ts";

const PIECE = 256 * 1024;

/** Where a reader is: so many lines have been given or skipped, and so many bytes of the segment. */
export class LogReader {
  readonly #folder: string;
  #segment: number | undefined;
  #offset = 0;
  #lines = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What there is beyond what was given, in pieces. What was left out of the middle is told in a line. */
  async *rest(): AsyncGenerator<readonly LoggedLine[]> {
    for (;;) {
      const segments = await segmentsIn(this.#folder);
      const current = this.#segment;
      if (current === undefined || !segments.includes(current)) {
        const next = segments.find((first) => current === undefined || first > current);
        if (next === undefined) return;
        yield* this.#enter(next);
      }
      const lines = await this.#piece();
      if (lines === undefined) continue; // removed meanwhile
      if (lines.length > 0) yield lines;
      else {
        const next = segments.find((first) => first > (this.#segment ?? -1));
        if (next === undefined) return;
        yield* this.#enter(next);
      }
    }
  }

  *#enter(segment: number): Generator<readonly LoggedLine[]> {
    const missing = segment - this.#lines;
    this.#segment = segment;
    this.#offset = 0;
    this.#lines = segment;
    if (missing > 0) yield [leftOut(missing)];
  }

  /** Undefined when the segment is gone; empty when there is nothing more in it. */
  async #piece(): Promise<readonly LoggedLine[] | undefined> {
    const bytes = await readAt(segmentFile(this.#folder, this.#segment ?? 0), this.#offset);
    if (bytes === undefined) return undefined;
    const end = bytes.lastIndexOf("\n") + 1;
    this.#offset += end;
    const lines =
      end === 0
        ? []
        : bytes
            .toString("utf8", 0, end - 1)
            .split("\n")
            .map(unframe);
    this.#lines += lines.length;
    return lines;
  }
}

function leftOut(lines: number): LoggedLine {
  return { time: 0, stream: "stderr", text: `(${lines} lines are left out here: the log was too long)` };
}

async function readAt(file: string, offset: number): Promise<Buffer | undefined> {
  try {
    const opened = await open(file, "r");
    try {
      const { buffer, bytesRead } = await opened.read(Buffer.alloc(PIECE), 0, PIECE, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await opened.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
