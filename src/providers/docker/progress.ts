/**
 * What an engine tells while it pulls, builds or imports: a line of JSON each. The stream ends well, with the error it
 * tells of, or when nothing has come for too long.
 */
import { type Readable, addAbortSignal } from "node:stream";

export interface ProgressLine {
  /** Output of a build step. */
  readonly stream?: string;
  readonly status?: string;
  /** Of a layer. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

export interface FollowOptions {
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Milliseconds without a line before it is given up, counted from the start. */
  readonly patience: number;
  /** Milliseconds for all of it. */
  readonly within: number;
  readonly onLine: (line: ProgressLine) => void;
}

/** What the engine reports as the end of the work. */
export class ProgressError extends Error {}
/** It took too long: "nothing came for 60 s". */
export class PatienceError extends Error {}

/** `begin` has the engine start the work and gives what it tells. */
export async function followProgress(
  begin: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>,
  { signal, patience, within, onLine }: FollowOptions,
): Promise<void> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const after = (ms: number, what: string): NodeJS.Timeout =>
    setTimeout(() => ending.abort(new PatienceError(`${what} ${ms / 1000} s`)), ms);
  const idle = (): NodeJS.Timeout => after(patience, "nothing came for");
  const cancel = (): void => ending.abort(signal.reason);
  const end = after(within, "it was not done after");
  let waiting = idle();
  let rest = "";
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const stream = addAbortSignal(ending.signal, (await begin(ending.signal)) as Readable);
    for await (const chunk of stream.setEncoding("utf8")) {
      clearTimeout(waiting);
      waiting = idle();
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) tell(line, onLine);
    }
    tell(rest, onLine);
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    clearTimeout(waiting);
    clearTimeout(end);
    signal.removeEventListener("abort", cancel);
  }
}

function tell(text: string, onLine: (line: ProgressLine) => void): void {
  if (text.trim() === "") return;
  const line = JSON.parse(text) as ProgressLine;
  if (line.error !== undefined) throw new ProgressError(line.error.trim());
  onLine(line);
}
