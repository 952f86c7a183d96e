/**
 * What a target writes before each value (`http_requests_total{code="200"}`), parsed once. A target exposes the same series
 * scrape after scrape, in the same order as a rule: the next line is compared with the line that came next the last time,
 * then looked up by its text, and only what is new is parsed.
 *
 * One pass is one scrape: `begin`, then `take` for every sample line, then `finish` or `abort`. Invariants:
 * 1. A text is the exact text of a line up to the value, in characters of one byte each (Latin-1), and holds no reference
 *    to the body it was cut from, which would otherwise live as long as the series.
 * 2. After `finish` the cache holds what that pass had, nothing else; so it is bounded by the limit of samples. After `abort`
 *    it holds what it held before the pass.
 */
import type { Role } from "./openmetrics-role.ts";

export interface ExposedSeries<Owner> {
  /** What tells it from others of its source: as exposed, in Latin-1. */
  readonly text: string;
  readonly name: string;
  /** Name, value, name, value ... in the order of the line, without the metric's name; values may be empty. */
  readonly labels: readonly string[];
  /** The pass that saw it last. */
  pass: number;
  /** What the reader of the exposition keeps with the series. */
  owner: Owner | undefined;
  /** What the rules of OpenMetrics keep with it. */
  role: Role | undefined;
  /** Milliseconds, where the format tells it with the sample. */
  start: number | undefined;
}

export class SeriesCache<Owner> {
  readonly #byText = new Map<string, ExposedSeries<Owner>>();
  #previous: ExposedSeries<Owner>[] = [];
  #current: ExposedSeries<Owner>[] = [];
  #added: ExposedSeries<Owner>[] = [];
  #next = 0;
  #pass = 0;

  get pass(): number {
    return this.#pass;
  }

  /** Series of the last pass that was finished. */
  get series(): readonly ExposedSeries<Owner>[] {
    return this.#previous;
  }

  begin(): void {
    this.#pass++;
    this.#next = 0;
  }

  /** What the last pass had at this place. */
  expected(): ExposedSeries<Owner> | undefined {
    return this.#previous[this.#next];
  }

  find(text: string): ExposedSeries<Owner> | undefined {
    return this.#byText.get(text);
  }

  add(text: string, name: string, labels: readonly string[]): ExposedSeries<Owner> {
    const series = { text, name, labels, pass: 0, owner: undefined, role: undefined, start: undefined };
    this.#byText.set(text, series);
    this.#added.push(series);
    return series;
  }

  /** The series of the line is this one. */
  take(series: ExposedSeries<Owner>): void {
    if (this.#previous[this.#next] === series) this.#next++;
    if (series.pass === this.#pass) return;
    series.pass = this.#pass;
    this.#current.push(series);
  }

  /** Forgets, and returns, what the pass before had and this one has not. */
  finish(): readonly ExposedSeries<Owner>[] {
    const vanished: ExposedSeries<Owner>[] = [];
    for (const series of this.#previous) {
      if (series.pass === this.#pass) continue;
      vanished.push(series);
      this.#byText.delete(series.text);
    }
    this.#previous = this.#current;
    this.#current = [];
    this.#added = [];
    return vanished;
  }

  abort(): void {
    for (const { text } of this.#added) this.#byText.delete(text);
    this.#current = [];
    this.#added = [];
  }
}
