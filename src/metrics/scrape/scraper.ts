/**
 * Scrapes whatever it is told to. `setTargets` is level-triggered: told the whole list each time, it starts what is new,
 * ends what is gone, and lets go on what stays, with its settings as they are now.
 *
 * Owns one loop a target, by the target's key (scrape-loop.ts), and the connections they share.
 */
import type { Clock } from "../../clock/clock.ts";
import type { SeriesWriter } from "../series.ts";
import { Connections } from "./http.ts";
import { type LoopContext, ScrapeLoop, type ScrapeState } from "./scrape-loop.ts";
import { type DroppedTarget, type Target, type TargetDefinition, resolveTarget } from "./target.ts";

export interface ActiveTarget extends ScrapeState {
  readonly target: Target;
}

export type ScrapedListener = (target: Target, time: number) => void;

/** A target that cannot be scraped as it is declared. */
export interface TargetProblem {
  readonly definition: TargetDefinition;
  readonly message: string;
}

export interface ScraperOptions {
  readonly clock: Clock;
  readonly writer: SeriesWriter;
}

export class Scraper {
  readonly #connections = new Connections();
  readonly #context: LoopContext;
  readonly #loops = new Map<string, ScrapeLoop>();
  readonly #keys = new Map<TargetDefinition, string>();
  readonly #listeners = new Set<ScrapedListener>();
  readonly #ending = new Set<Promise<void>>();
  #dropped: readonly DroppedTarget[] = [];

  constructor({ clock, writer }: ScraperOptions) {
    this.#context = {
      clock,
      writer,
      connections: this.#connections,
      onScraped: (target, time) => this.#listeners.forEach((listener) => listener(target, time)),
    };
  }

  /** Returns those that are no targets; all others are scraped from now on. Of equal ones the first counts. */
  setTargets(definitions: readonly TargetDefinition[]): readonly TargetProblem[] {
    const { targets, dropped, problems } = this.#resolve(definitions);
    this.#dropped = dropped;
    for (const [key, loop] of this.#loops) {
      if (targets.has(key)) continue;
      this.#loops.delete(key);
      this.#settle(loop.end());
    }
    for (const [key, target] of targets) {
      const known = this.#loops.get(key);
      if (known !== undefined) known.update(target);
      else this.#start(key, target);
    }
    return problems;
  }

  /** Scrapes at once. Resolves when the samples are in, or at once when there is no such target. */
  async scrapeNow(definition: TargetDefinition): Promise<void> {
    const key = this.#keys.get(definition);
    if (key !== undefined) await this.#loops.get(key)?.scrape();
  }

  /** Calls the listener after each scrape, taken or failed, when what there is of it can be read. Returns how to end that. */
  onScraped(listener: ScrapedListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  targets(): { readonly active: readonly ActiveTarget[]; readonly dropped: readonly DroppedTarget[] } {
    const active = [...this.#loops.values()].map((loop) => ({ target: loop.target, ...loop.state }));
    return { active, dropped: this.#dropped };
  }

  /** Resolves when the targets that were taken away have ended: their last markers are written. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }

  /** Stops scraping. Series do not end by that: the process goes, not the targets. */
  async stop(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
    await this.settled();
    this.#loops.clear();
    await this.#connections.close();
  }

  #start(key: string, target: Target): void {
    const loop = new ScrapeLoop(target, this.#context);
    this.#loops.set(key, loop);
    loop.start();
  }

  #settle(ending: Promise<void>): void {
    const settled = ending
      // A store that cannot take the markers fails the scrapes of others too, and is reported there.
      .catch(() => {})
      .finally(() => void this.#ending.delete(settled));
    this.#ending.add(settled);
  }

  #resolve(definitions: readonly TargetDefinition[]): {
    readonly targets: ReadonlyMap<string, Target>;
    readonly dropped: readonly DroppedTarget[];
    readonly problems: readonly TargetProblem[];
  } {
    const targets = new Map<string, Target>();
    const dropped: DroppedTarget[] = [];
    const problems: TargetProblem[] = [];
    this.#keys.clear();
    for (const definition of definitions) {
      try {
        const target = resolveTarget(definition);
        if (!("key" in target)) dropped.push(target);
        else {
          this.#keys.set(definition, target.key);
          if (!targets.has(target.key)) targets.set(target.key, target);
        }
      } catch (error) {
        problems.push({ definition, message: (error as Error).message });
      }
    }
    return { targets, dropped, problems };
  }
}
