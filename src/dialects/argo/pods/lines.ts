import { type FSWatcher, closeSync, existsSync, openSync, readSync, watch } from "node:fs";
import { join } from "node:path";
import type { PodAttempt } from "./containers.ts";

/** From SIGTERM to SIGKILL when the result is no longer wanted. */
export const GRACE_OF_CANCEL = 10_000;

const STREAMS = ["stdout", "stderr"] as const;
const CHUNK = 64 * 1024;

/** Hands what a process writes to its files to the attempt's log, line by line, as it comes. */
export class Lines {
  readonly #attempt: PodAttempt;
  readonly #folder: string;
  readonly #watcher: FSWatcher;
  readonly #at = { stdout: 0, stderr: 0 };
  readonly #rest = { stdout: "", stderr: "" };

  constructor(attempt: PodAttempt, folder: string) {
    this.#attempt = attempt;
    this.#folder = folder;
    this.#watcher = watch(folder, () => this.#read());
    this.#watcher.on("error", () => undefined);
  }

  /** What is left, with a last line that does not end. */
  close(): void {
    this.#watcher.close();
    this.#read();
    for (const stream of STREAMS)
      if (this.#rest[stream] !== "") this.#attempt.log(this.#rest[stream], stream);
  }

  #read(): void {
    for (const stream of STREAMS) {
      const path = join(this.#folder, stream);
      if (existsSync(path)) this.#readFile(path, stream);
    }
  }

  #readFile(path: string, stream: "stdout" | "stderr"): void {
    const file = openSync(path, "r");
    try {
      const chunk = Buffer.alloc(CHUNK);
      for (;;) {
        const count = readSync(file, chunk, 0, CHUNK, this.#at[stream]);
        if (count === 0) return;
        this.#at[stream] += count;
        const lines = (this.#rest[stream] + chunk.toString("utf8", 0, count)).split("\n");
        this.#rest[stream] = lines.pop() ?? "";
        for (const line of lines) this.#attempt.log(line, stream);
      }
    } finally {
      closeSync(file);
    }
  }
}
