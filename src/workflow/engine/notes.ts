/** What the program of a run notes, through the state machine. Large notes are kept beside the journal. */
import type { Blobs } from "../journal/blobs.ts";
import { noteKey } from "../run/scopes.ts";
import { snapshotOf } from "../run/snapshot.ts";
import type { Notes } from "./program.ts";
import { JournalRefused } from "./recorder.ts";
import { MOST_IN_RECORD } from "./results.ts";
import type { TaskRun } from "./tasks.ts";

/** Steps that a run remembers before it is worth while to forget any: people look at small runs step by step. */
export const MANY = 10_000;

/** Events that are read again when a run is taken up; of a larger run a snapshot stands for those before. */
const MOST_EVENTS = 100_000;

export class RunNotes implements Notes {
  readonly #run: TaskRun;
  readonly #blobs: Blobs;

  constructor(run: TaskRun, blobs: Blobs) {
    this.#run = run;
    this.#blobs = blobs;
  }

  isLarge(): boolean {
    return this.#size >= MANY;
  }

  async note(scope: string, note: unknown, items?: readonly [number, number]): Promise<void> {
    const text = JSON.stringify(note);
    const { id, recorder } = this.#run;
    const where = items === undefined ? { scope } : { scope, items };
    if (text.length <= MOST_IN_RECORD)
      this.#run.command({ do: "note", ...where, note: JSON.parse(text) as unknown });
    else {
      const hash = await this.#blobs.put(id, text).catch((error: unknown) => {
        throw this.#run.refuse(new JournalRefused(error));
      });
      this.#run.command({ do: "note", ...where, note: null, blob: { hash, size: text.length } });
    }
    if (recorder.uncompacted > Math.max(MOST_EVENTS, 4 * this.#size))
      recorder.compact(() => snapshotOf(this.#run.state));
    await recorder.durable();
  }

  get #size(): number {
    return this.#run.state.steps.size + this.#run.state.notes.size;
  }

  noted(scope: string, items?: readonly [number, number]): Promise<unknown> | undefined {
    const state = this.#run.state.notes.get(noteKey(scope, items));
    if (state === undefined) return undefined;
    const { blob, note } = state;
    return blob === undefined ? Promise.resolve(note) : this.#read(blob.hash);
  }

  async #read(hash: string): Promise<unknown> {
    return JSON.parse(await this.#blobs.get(hash)) as unknown;
  }
}
