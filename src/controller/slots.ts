/**
 * How much may be worked on at once, under several limits at a time: of a provider, of a System, of all.
 *
 *   (asks) --room under all its limits--> holds --leave--> (gone)
 *          '--none--> waits, in order of arrival --its turn: `wake`--> granted --asks again--> holds
 *
 *  L1 Never more than a limit allows hold or are granted.
 *  L2 Who waits blocks nobody who needs other limits, and occupies no worker: it is woken when its turn has come.
 *  L3 Nobody waits for ever: who was overtaken often enough is not overtaken any more.
 *  L4 A slot is freed by `leave`, whatever became of the work; `leave` is always called in the end, so none is lost.
 */
export interface Limit {
  readonly id: string;
  readonly most: number;
}

interface Line {
  readonly limits: readonly Limit[];
  /** Keys in order of arrival, with their numbers. */
  readonly keys: Map<string, number>;
  /** How often others were served while the first of it could not be. */
  overtaken: number;
}

const PATIENCE = 100;

export class Slots {
  readonly #wake: (key: string) => void;
  readonly #used = new Map<string, number>();
  readonly #holds = new Map<string, readonly Limit[]>();
  readonly #granted = new Map<string, readonly Limit[]>();
  /** By their limits: all who need the same stand in one line. */
  readonly #lines = new Map<string, Line>();
  readonly #lineOf = new Map<string, Line>();
  #arrivals = 0;

  /** `wake`: has somebody ask again who was told to wait. */
  constructor(wake: (key: string) => void) {
    this.#wake = wake;
  }

  get waiting(): number {
    return this.#lineOf.size;
  }

  /** True: it may begin, and must `leave`. False: it is woken when it may. */
  enter(key: string, limits: readonly Limit[]): boolean {
    if (limits.length === 0 || this.#holds.has(key)) return true;
    const granted = this.#granted.get(key);
    if (granted !== undefined) {
      this.#granted.delete(key);
      this.#holds.set(key, granted);
      return true;
    }
    if (!this.#lineOf.has(key)) this.#queue(key, limits);
    this.#serve(key);
    return this.#holds.has(key);
  }

  /** Gives back what it holds, was granted, or waits for. */
  leave(key: string): void {
    const line = this.#lineOf.get(key);
    if (line !== undefined) this.#unqueue(key, line);
    const limits = this.#holds.get(key) ?? this.#granted.get(key);
    if (limits === undefined) return;
    this.#holds.delete(key);
    this.#granted.delete(key);
    for (const { id } of limits) this.#used.set(id, (this.#used.get(id) ?? 0) - 1);
    this.#serve();
  }

  #queue(key: string, limits: readonly Limit[]): void {
    const id = limits.map((limit) => `${limit.id} ${limit.most}`).join();
    let line = this.#lines.get(id);
    if (line === undefined) this.#lines.set(id, (line = { limits, keys: new Map(), overtaken: 0 }));
    this.#arrivals += 1;
    line.keys.set(key, this.#arrivals);
    this.#lineOf.set(key, line);
  }

  #unqueue(key: string, line: Line): void {
    line.keys.delete(key);
    this.#lineOf.delete(key);
    if (line.keys.size > 0) return;
    for (const [id, one] of this.#lines) if (one === line) this.#lines.delete(id);
  }

  /** `asking`: needs no waking. */
  #serve(asking?: string): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { key, line } = next;
      this.#unqueue(key, line);
      for (const { id } of line.limits) this.#used.set(id, (this.#used.get(id) ?? 0) + 1);
      if (key === asking) this.#holds.set(key, line.limits);
      else {
        this.#granted.set(key, line.limits);
        this.#wake(key);
      }
    }
  }

  /** The one that has waited longest of those for whom there is room. */
  #next(): { readonly key: string; readonly line: Line } | undefined {
    const closed = new Set<string>();
    const passed: Line[] = [];
    for (const line of this.#byArrival()) {
      const hasRoom = line.limits.every(
        ({ id, most }) => !closed.has(id) && (this.#used.get(id) ?? 0) < most,
      );
      if (hasRoom) {
        for (const other of passed) if (shares(other, line)) other.overtaken += 1;
        line.overtaken = 0;
        return { key: firstOf(line), line };
      }
      passed.push(line);
      if (line.overtaken >= PATIENCE) for (const { id } of line.limits) closed.add(id);
    }
    return undefined;
  }

  #byArrival(): readonly Line[] {
    const lines = [...this.#lines.values()];
    return lines.length < 2
      ? lines
      : lines.toSorted((a, b) => (a.keys.get(firstOf(a)) ?? 0) - (b.keys.get(firstOf(b)) ?? 0));
  }
}

function firstOf({ keys }: Line): string {
  const [first = ""] = keys.keys();
  return first;
}

function shares(one: Line, other: Line): boolean {
  return one.limits.some(({ id }) => other.limits.some((limit) => limit.id === id));
}
