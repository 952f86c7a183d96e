/**
 * Series that were written before, by the very bytes of their labels in the message: a sender writes the same labels in
 * the same way each time, so that they need not be read, sorted and looked up again.
 *
 * What is used lately stays: when one generation is full it becomes the old one, and what is still asked for moves on.
 * References may be outdated; the store says so (UnknownSeries).
 */
const GENERATION_BYTES = 32 << 20;
/** What an entry takes beside its bytes, roughly. */
const ENTRY_BYTES = 64;

export class KnownSeries {
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #bytes = 0;

  /** The reference; undefined for labels that were not written lately. */
  find(labels: string): number | undefined {
    const young = this.#young.get(labels);
    if (young !== undefined) return young;
    const old = this.#old.get(labels);
    if (old !== undefined) this.keep(labels, old);
    return old;
  }

  keep(labels: string, reference: number): void {
    if (!this.#young.has(labels)) this.#bytes += labels.length + ENTRY_BYTES;
    this.#young.set(labels, reference);
    if (this.#bytes < GENERATION_BYTES) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bytes = 0;
  }
}
