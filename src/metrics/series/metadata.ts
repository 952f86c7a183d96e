/** What metrics are, by name; bounded, since names come from whoever is scraped. */
import type { Metadata } from "../series.ts";

const MOST = 100_000;

export class MetadataTable {
  readonly #known = new Map<string, Metadata>();

  /** Whether this was news. */
  set(metric: string, metadata: Metadata): boolean {
    const known = this.#known.get(metric);
    if (known === undefined && this.#known.size >= MOST) return false;
    if (known !== undefined && same(known, metadata)) return false;
    this.#known.set(metric, metadata);
    return true;
  }

  all(): ReadonlyMap<string, Metadata> {
    return this.#known;
  }
}

function same(a: Metadata, b: Metadata): boolean {
  return a.type === b.type && a.help === b.help && a.unit === b.unit;
}
