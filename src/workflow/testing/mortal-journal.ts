import type { Journal } from "../journal/journal.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent } from "../run/events.ts";

/** One engine's hold on a journal in memory, that a test takes away: what is appended then is never answered, as by a process that was killed. */
export class MortalJournal extends MemoryJournal implements Journal {
  readonly died = Promise.withResolvers<void>();
  readonly #under: MemoryJournal;
  readonly #noted: (event: RunEvent) => void;
  #left: number;

  /** `appends`: after how many to die; `noted`: told of each event as it is appended. */
  constructor(under: MemoryJournal, appends: number, noted: (event: RunEvent) => void) {
    super();
    this.#under = under;
    this.#left = appends;
    this.#noted = noted;
  }

  kill(): void {
    this.#left = 0;
    this.died.resolve();
  }

  override append(run: string, events: readonly RunEvent[]): Promise<void> {
    if (this.#left-- <= 0) {
      this.kill();
      return new Promise(() => undefined);
    }
    for (const event of events) this.#noted(event);
    return this.#under.append(run, events);
  }

  override read(run: string, from?: number): AsyncIterable<RunEvent> {
    return this.#under.read(run, from);
  }

  override runs(): readonly string[] {
    return this.#under.runs();
  }

  override length(run: string): number {
    return this.#under.length(run);
  }
}
