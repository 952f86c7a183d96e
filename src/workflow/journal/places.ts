/**
 * Where the appends of runs stand in the segments, as plain numbers: there may be millions. Also which segments still hold
 * something that is needed.
 */

/** Where an append stands. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
  /** Events in it. */
  readonly count: number;
}

const WIDTH = 4;

interface Run {
  /** Segment, offset, length and count of each append. */
  numbers: number[];
  /** Events before the first place. */
  first: number;
  length: number;
  snapshot: Place | undefined;
}

export class Places {
  readonly #runs = new Map<string, Run>();
  /** Frames that are needed, by segment, oldest first. */
  readonly #needed = new Map<number, number>();
  /** Segments that say that a run is forgotten. */
  readonly #forgetting = new Set<number>();

  runs(): readonly string[] {
    return [...this.#runs.keys()];
  }

  length(run: string): number {
    return this.#runs.get(run)?.length ?? 0;
  }

  /** The index of the first event that is still there. */
  first(run: string): number {
    return this.#runs.get(run)?.first ?? 0;
  }

  snapshot(run: string): Place | undefined {
    return this.#runs.get(run)?.snapshot;
  }

  segment(segment: number): void {
    if (!this.#needed.has(segment)) this.#needed.set(segment, 0);
  }

  append(run: string, place: Place): void {
    const { segment, offset, length, count } = place;
    const known = this.#runs.get(run);
    this.#count(segment, 1);
    if (known === undefined) {
      // Most runs are small, and a list that has grown is many times as large as one that was made with what is in it.
      const numbers = [segment, offset, length, count];
      this.#runs.set(run, { numbers, first: 0, length: count, snapshot: undefined });
      return;
    }
    known.numbers.push(segment, offset, length, count);
    known.length += count;
  }

  forget(run: string, segment: number): void {
    const known = this.#runs.get(run);
    if (known !== undefined) this.#drop(known);
    this.#runs.delete(run);
    this.segment(segment);
    this.#forgetting.add(segment);
  }

  /** In place of the run's first `index` events, which are all that it has. */
  compact(run: string, index: number, place: Place): void {
    const known = this.#runs.get(run);
    if (known !== undefined) this.#drop(known);
    this.#runs.set(run, { numbers: [], first: index, length: index, snapshot: place });
    this.#count(place.segment, 1);
  }

  /** Of the events from the given one on, with how many of the first place are before it. */
  from(run: string, from: number): { readonly places: readonly Place[]; readonly skip: number } {
    const known = this.#runs.get(run);
    const places: Place[] = [];
    let skip = 0;
    if (known === undefined) return { places, skip };
    let first = known.first;
    for (let at = 0; at < known.numbers.length; at += WIDTH) {
      const [segment = 0, offset = 0, length = 0, count = 0] = known.numbers.slice(at, at + WIDTH);
      if (first + count > from) {
        if (places.length === 0) skip = Math.max(0, from - first);
        places.push({ segment, offset, length, count });
      }
      first += count;
    }
    return { places, skip };
  }

  /**
   * Segments that nothing in is needed of, but for the newest. One that says that a run is forgotten stays as long as an older
   * one, which may be about that run.
   */
  unneeded(newest: number): readonly number[] {
    const found: number[] = [];
    let isOldest = true;
    for (const [segment, needed] of this.#needed) {
      if (needed > 0 || segment === newest || (this.#forgetting.has(segment) && !isOldest)) isOldest = false;
      else found.push(segment);
    }
    for (const segment of found) {
      this.#needed.delete(segment);
      this.#forgetting.delete(segment);
    }
    return found;
  }

  #drop({ numbers, snapshot }: Run): void {
    for (let at = 0; at < numbers.length; at += WIDTH) this.#count(numbers[at] as number, -1);
    if (snapshot !== undefined) this.#count(snapshot.segment, -1);
  }

  #count(segment: number, by: number): void {
    this.#needed.set(segment, (this.#needed.get(segment) ?? 0) + by);
  }
}
