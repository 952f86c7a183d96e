import type { RunEvent } from "../run/events.ts";
import type { Journal } from "./journal.ts";

/** A journal that lives as long as its process, for tests and simulations. Keeps JSON, so that nobody shares values with it. */
export class MemoryJournal implements Journal {
  readonly #runs = new Map<string, string[]>();

  async append(run: string, events: readonly RunEvent[]): Promise<void> {
    const texts = events.map((event) => JSON.stringify(event));
    const known = this.#runs.get(run);
    if (known !== undefined) known.push(...texts);
    else if (texts.length > 0) this.#runs.set(run, texts);
  }

  async *read(run: string, from = 0): AsyncIterable<RunEvent> {
    for (const text of (this.#runs.get(run) ?? []).slice(from)) yield JSON.parse(text) as RunEvent;
  }

  runs(): readonly string[] {
    return [...this.#runs.keys()];
  }

  length(run: string): number {
    return this.#runs.get(run)?.length ?? 0;
  }

  async forget(run: string): Promise<void> {
    this.#runs.delete(run);
  }

  async close(): Promise<void> {}
}
