/** A memoised step of a run: looked up before it begins, remembered when it has succeeded. */
import type { Clock } from "../../clock/clock.ts";
import { parseDuration } from "../../model/duration.ts";
import type { TaskStep } from "../engine/interpreter.ts";
import { MOST_IN_RECORD } from "../engine/results.ts";
import type { Blobs } from "../journal/blobs.ts";
import type { BlobRef, Reuse } from "../run/events.ts";
import { namespaceOf } from "../run/slots.ts";
import type { StepState } from "../run/state.ts";
import { memoKey } from "./key.ts";
import { type MemoEntry, type Memoised, type Memos, ownerOf } from "./memo.ts";

export type Remembered =
  /** What to record instead of doing it. */
  | { readonly is: "kept"; readonly what: Kept }
  /** To be called when the attempt is over, or did not come to be. */
  | { readonly is: "mine"; settle(state: StepState): Promise<void> };

export interface Kept {
  readonly result: unknown;
  readonly blob?: BlobRef;
  readonly of: Reuse;
}

/** Characters of JSON of a result that is kept in memory. */
const SMALL = 1024;

export class Remembering {
  readonly #memos: Memos;
  readonly #blobs: Blobs;
  readonly #clock: Clock;

  constructor(memos: Memos, blobs: Blobs, clock: Clock) {
    this.#memos = memos;
    this.#blobs = blobs;
    this.#clock = clock;
  }

  /** Undefined when nobody waits for the step any more. */
  async look(
    run: string,
    workflow: string,
    path: string,
    step: TaskStep,
    signal: AbortSignal,
  ): Promise<Remembered | undefined> {
    const key = memoKey(namespaceOf(run), workflow, path, step);
    const ttl = step.memo?.ttl;
    const youngest = ttl === undefined ? -Infinity : this.#clock.now() - parseDuration(ttl);
    let found = await this.#enter(key, youngest, signal);
    if (found?.is === "kept") {
      const kept = await this.#kept(run, found.entry).catch(() => undefined);
      if (kept !== undefined) return kept;
      found = await this.#enter(key, Infinity, signal); // its text is lost: it is done anew
    }
    if (found?.is !== "mine") return undefined;
    const mine = found;
    return {
      is: "mine",
      settle: async (state) => {
        // A result that cannot be remembered is a result all the same.
        const entry = await this.#entry(key, run, path, state).catch(() => undefined);
        await mine.settle(entry).catch(() => undefined);
      },
    };
  }

  /** Undefined when aborted. */
  #enter(key: string, youngest: number, signal: AbortSignal): Promise<Memoised | undefined> {
    return this.#memos.enter(key, youngest, signal).catch(() => undefined);
  }

  async #kept(run: string, { result, blob, ...of }: MemoEntry): Promise<Remembered> {
    if (blob === undefined) return { is: "kept", what: { result, of } };
    const text = await this.#blobs.get(blob.hash);
    if (blob.size <= MOST_IN_RECORD) return { is: "kept", what: { result: JSON.parse(text) as unknown, of } };
    await this.#blobs.put(run, text);
    return { is: "kept", what: { result: null, blob, of } };
  }

  async #entry(key: string, run: string, path: string, state: StepState): Promise<MemoEntry | undefined> {
    if (state.phase !== "succeeded") return undefined;
    const { result, blob, at } = state;
    const text = blob === undefined ? JSON.stringify(result) : await this.#blobs.get(blob.hash);
    if (text.length <= SMALL) return { result, run, path, at };
    const hash = await this.#blobs.put(ownerOf(key), text);
    return { result: null, blob: { hash, size: text.length }, run, path, at };
  }
}
