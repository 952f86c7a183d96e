/**
 * Has what is new measured within a second, instead of when its turn comes: who has just deployed something wants to see
 * it. Bounded: of very many at once (a control plane that starts again) only the first are; the others wait their turn.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Scraper } from "../../metrics/scrape/scraper.ts";
import type { TargetDefinition } from "../../metrics/scrape/target.ts";

/** Milliseconds over which they are spread. */
const SPREAD = 1_000;
const MOST = 200;
/** What is measured as often as that need not be hurried. */
const OFTEN = 1_000;

export class FirstScrapes {
  readonly #clock: Clock;
  readonly #scraper: Pick<Scraper, "scrapeNow">;
  readonly #timers = new Set<Timer>();
  #known: ReadonlySet<TargetDefinition> = new Set();

  constructor(clock: Clock, scraper: Pick<Scraper, "scrapeNow">) {
    this.#clock = clock;
    this.#scraper = scraper;
  }

  /** Of all that is scraped now; a definition that was there before is the same object. */
  plan(definitions: readonly TargetDefinition[]): void {
    const fresh = definitions.filter((one) => !this.#known.has(one) && one.job.interval > OFTEN);
    this.#known = new Set(definitions);
    for (const definition of fresh.slice(0, MOST)) {
      const timer = this.#clock.setTimeout(() => {
        this.#timers.delete(timer);
        void this.#scraper.scrapeNow(definition);
      }, this.#clock.random() * SPREAD);
      this.#timers.add(timer);
    }
  }

  cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
