/**
 * Scrapes one target again and again.
 *
 *     waiting --due or asked--> scraping --whole--> commit, report up=1 --> waiting
 *                                        \--refused, failed, too late--> markers, report up=0 --> waiting
 *     any --end--> (scrape aborted) --> markers for everything --> ended
 *     any --stop--> (scrape aborted) --> ended: the series go on when the process is back
 *
 * Invariants:
 * 1. At most one scrape of a target runs; it ends by its timeout, which is not above the interval.
 * 2. Scrapes are due at the same place in every interval, which the target's key decides: spread over targets, the same
 *    after a restart.
 * 3. Every scrape is reported, whatever came of it; `up` is there from the first scrape to the last.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { formatOf, type TextFormat } from "../exposition/format.ts";
import type { SeriesWriter } from "../series.ts";
import { type Connections, fetchExposition } from "./http.ts";
import type { Collect, Target } from "./target.ts";
import { TargetSeries, type Written } from "./target-series.ts";

export interface ScrapeState {
  readonly health: "unknown" | "up" | "down";
  /** Empty when the last scrape was taken. */
  readonly lastError: string;
  /** What was not kept of the last scrape, one sentence; empty when nothing. */
  readonly lastWarning: string;
  /** Milliseconds since the epoch; 0 before the first. */
  readonly lastScrape: number;
  /** Seconds. */
  readonly lastScrapeDuration: number;
}

/** A scrape that begins this much late, or 1% of the interval, is dated as if it were in time: even times pack better. */
const MAX_ALIGNMENT = 10;

/** So long before the timeout, or a fifth of it, a source in this process is told to come to an end. */
const MAX_GRACE = 500;

export interface LoopContext {
  readonly clock: Clock;
  readonly writer: SeriesWriter;
  readonly connections: Connections;
  readonly onScraped: (target: Target, time: number) => void;
}

export class ScrapeLoop {
  readonly #context: LoopContext;
  readonly #series: TargetSeries;
  #target: Target;
  #state: ScrapeState = {
    health: "unknown",
    lastError: "",
    lastWarning: "",
    lastScrape: 0,
    lastScrapeDuration: 0,
  };
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #abort: AbortController | undefined;
  #ended = false;
  /** When the next scrape is due, or, while it begins, was. */
  #due = 0;
  /** The last time that something was dated with. */
  #last = 0;

  constructor(target: Target, context: LoopContext) {
    this.#target = target;
    this.#context = context;
    this.#series = new TargetSeries(target, context.writer);
  }

  get target(): Target {
    return this.#target;
  }

  get state(): ScrapeState {
    return this.#state;
  }

  start(): void {
    this.#schedule();
  }

  /** The same target with other settings: they hold from the next scrape on. */
  update(target: Target): void {
    const moved = target.interval !== this.#target.interval;
    this.#target = target;
    // A scrape that runs has the old settings; its samples are to be read with them.
    this.#running = this.#running.then(() => void (this.#series.target = target));
    if (!moved) return;
    this.#due = 0;
    this.#schedule();
  }

  /** A scrape that begins after this call. Resolves when its samples are in, whatever came of it. */
  scrape(): Promise<void> {
    this.#running = this.#running.then(() => this.#scrape(this.#context.clock.now()));
    return this.#running;
  }

  /** The target is gone: its series end. */
  async end(): Promise<void> {
    await this.stop();
    this.#series.end(Math.max(this.#context.clock.now(), this.#last + 1));
  }

  /** The series do not end. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    this.#abort?.abort(new Error("The target is no longer scraped."));
    await this.#running;
  }

  #schedule(): void {
    if (this.#ended) return;
    const { clock } = this.#context;
    const { interval, key } = this.#target;
    const now = clock.now();
    // Timers may fire a millisecond early: the next interval is not the one that has just been served.
    const from = Math.max(now, this.#due);
    const offset = hash(key) % interval;
    const due = from + ((((offset - from) % interval) + interval) % interval || interval);
    this.#due = due;
    this.#timer?.cancel();
    this.#timer = clock.setTimeout(() => {
      const late = clock.now() - due;
      const time = late <= Math.min(MAX_ALIGNMENT, interval / 100) ? due : clock.now();
      this.#running = this.#running.then(() => this.#scrape(time));
      this.#schedule();
    }, due - now);
  }

  async #scrape(time: number): Promise<void> {
    if (this.#ended) return;
    const { clock } = this.#context;
    // Two scrapes at once, one due and one asked for, would be two samples of one time.
    const at = Math.max(time, this.#last + 1);
    this.#last = at;
    const began = clock.now();
    let written: Written | undefined;
    let lastError = "";
    try {
      await this.#fetch();
      if (this.#ended) return;
      written = this.#series.commit(at);
    } catch (error) {
      if (this.#ended) return;
      lastError = (error as Error).message;
    }
    const duration = Math.max(0, clock.now() - began) / 1000;
    try {
      this.#report(written, at, duration);
    } catch (error) {
      lastError ||= (error as Error).message;
    }
    this.#state = {
      health: lastError === "" ? "up" : "down",
      lastError,
      lastWarning: warning(written),
      lastScrape: at,
      lastScrapeDuration: duration,
    };
    this.#tell(at);
  }

  #tell(time: number): void {
    try {
      this.#context.onScraped(this.#target, time);
    } catch (error) {
      this.#state = {
        ...this.#state,
        lastWarning: `Who listens to scrapes failed: ${(error as Error).message}`,
      };
    }
  }

  #report(written: Written | undefined, time: number, duration: number): void {
    const { scraped, kept } = written ?? this.#series.pending;
    if (written === undefined) this.#series.fail(time);
    this.#series.report(
      {
        up: written === undefined ? 0 : 1,
        scrape_duration_seconds: duration,
        scrape_samples_scraped: scraped,
        scrape_samples_post_metric_relabeling: kept,
        scrape_series_added: written?.added ?? 0,
      },
      time,
    );
  }

  async #fetch(): Promise<void> {
    const { clock, connections } = this.#context;
    const { timeout, definition } = this.#target;
    const abort = (this.#abort = new AbortController());
    const timer = clock.setTimeout(
      () => abort.abort(new Error(`The scrape took longer than ${timeout} ms and was broken off.`)),
      timeout,
    );
    try {
      if (definition.collect === undefined)
        await fetchExposition(this.#target, connections, abort.signal, (contentType) => {
          const parser = this.#series.begin(formatOf(contentType));
          return (chunk) => parser.write(chunk);
        });
      else await this.#collect(definition.collect, abort.signal);
    } finally {
      timer.cancel();
    }
  }

  async #collect(collect: Collect, timedOut: AbortSignal): Promise<void> {
    const { timeout } = this.#target;
    const warned = new AbortController();
    const grace = Math.min(MAX_GRACE, timeout / 5);
    const timer = this.#context.clock.setTimeout(
      () => warned.abort(new Error("The time is up.")),
      timeout - grace,
    );
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => {
      warned.abort(timedOut.reason);
      reject(timedOut.reason as Error);
    };
    timedOut.addEventListener("abort", abort, { once: true });
    try {
      const exposition = await Promise.race([collect(warned.signal), aborted]);
      const bytes = typeof exposition === "string" ? Buffer.from(exposition) : exposition;
      this.#series.begin(formatBy(bytes)).write(bytes);
    } finally {
      timer.cancel();
      timedOut.removeEventListener("abort", abort);
    }
  }
}

function formatBy(bytes: Uint8Array): TextFormat {
  return /(?:^|\n)# EOF\n?$/.test(Buffer.from(bytes.subarray(-8)).toString("latin1"))
    ? "openmetrics"
    : "prometheus";
}

function warning(written: Written | undefined): string {
  const rejected = Object.entries(written?.rejected ?? {});
  if (rejected.length === 0) return "";
  return `Some samples were not kept: ${rejected.map(([why, count]) => `${count} ${why}`).join(", ")}.`;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
