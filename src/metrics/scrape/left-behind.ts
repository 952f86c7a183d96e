/**
 * Ends the series of what went while nobody measured: a scraper that was killed has left no markers, and queries would find
 * what it saw last for as long as they look back.
 *
 *     waiting --each target of the first list scraped, or taken away--> ending, metric by metric --> over
 *
 * Invariants:
 * 1. Nothing ends that has been written by this process, whatever times its samples bear, or that a target which has not
 *    been looked at yet may still have.
 * 2. Only what is scraped ends: `scraped` tells it from what others write (rules, remote write), who go on at their own pace.
 *    Recorded series are known by the colon in their names.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../clock/clock.ts";
import { METRIC_NAME } from "../labels.ts";
import { type Matcher, matcher } from "../matcher.ts";
import type { SeriesReader, SeriesWriter } from "../series.ts";
import type { Scraper } from "./scraper.ts";
import type { Target } from "./target.ts";

/** So long after its last sample an instant query finds a series that did not end, milliseconds. */
const LOOKBACK = 300_000;

export interface LeftBehindOptions {
  readonly clock: Clock;
  readonly series: SeriesReader & SeriesWriter;
  /** What series of targets fit, and no others. */
  readonly scraped: readonly Matcher[];
}

export class LeftBehind {
  /** For the scraper. */
  readonly writer: SeriesWriter;
  readonly #options: LeftBehindOptions;
  readonly #since: number;
  /** Numbers of the series that the scraper writes; undefined when it is over. */
  #written: Set<number> | undefined = new Set();
  /** Keys of targets; undefined before the first list. */
  #waiting: Set<string> | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: LeftBehindOptions) {
    const { series, clock } = options;
    this.#options = options;
    this.#since = clock.now();
    this.writer = {
      reference: (labels) => {
        const reference = series.reference(labels);
        this.#written?.add(reference);
        return reference;
      },
      append: (reference, time, value, start) => series.append(reference, time, value, start),
      write: (samples) => series.write(samples),
      describe: (metric, metadata) => series.describe(metric, metadata),
      flush: () => series.flush(),
    };
  }

  /** After each change of the scraper's targets. */
  look(scraper: Pick<Scraper, "targets">): void {
    if (this.#ending !== undefined) return;
    const keys = scraper.targets().active.map(({ target }) => target.key);
    const before = this.#waiting;
    this.#waiting = new Set(before === undefined ? keys : keys.filter((key) => before.has(key)));
    this.#endWhenDue();
  }

  /** After each scrape, taken or failed. */
  scraped({ key }: Target): void {
    if (this.#waiting?.delete(key) === true) this.#endWhenDue();
  }

  /** Resolves when nothing is ended any more. */
  async stop(): Promise<void> {
    this.#written = undefined;
    await this.#ending;
  }

  /** Resolves when all has ended; at once when that has not begun. */
  async settled(): Promise<void> {
    await this.#ending;
  }

  #endWhenDue(): void {
    if (this.#waiting?.size === 0) this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    const { series } = this.#options;
    for (const name of series.labelValues(METRIC_NAME, [], this.#since - LOOKBACK, this.#since - 1)) {
      if (this.#written === undefined) return;
      if (!name.includes(":")) this.#endSeriesOf(name, this.#written);
      await turn();
    }
    this.#written = undefined;
  }

  #endSeriesOf(name: string, written: ReadonlySet<number>): void {
    const { series, clock, scraped } = this.#options;
    const matchers = [matcher(METRIC_NAME, "=", name), ...scraped];
    for (const labels of series.labelSets([matchers], this.#since - LOOKBACK, this.#since - 1)) {
      const reference = series.reference(labels);
      // A second marker after one says nothing else.
      if (!written.has(reference)) series.append(reference, clock.now(), "stale");
    }
  }
}
