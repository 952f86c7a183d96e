/**
 * The series of one target: from an exposition to samples in the store, and markers of staleness for what has vanished.
 *
 *     begin -> parser fills the batch -> commit: samples, then markers for what the last exposition had and this one has not
 *                                     -> fail:   markers for all that was there
 *
 * Invariants:
 * 1. An exposition counts as a whole or not at all: nothing is written, and no series made, before `commit`.
 * 2. A series that was written without a timestamp of its own gets exactly one marker when it vanishes, when a scrape
 *    fails, or when the target goes (Prometheus, "Staleness").
 * 3. Samples are written before markers, so that a series that is only written differently now keeps its sample: the
 *    marker at the same time is refused as a duplicate.
 */
import type { ExpositionFormat } from "../exposition/format.ts";
import { defaultLimits } from "../exposition/limits.ts";
import { ExpositionMemory, type ExpositionParser } from "../exposition/memory.ts";
import { openParser } from "../exposition/open-parser.ts";
import type { ExposedSeries } from "../exposition/series-cache.ts";
import { refuse } from "../../diagnostics/diagnostic.ts";
import type { NativeHistogram } from "../histogram.ts";
import { type Labels, METRIC_NAME } from "../labels.ts";
import {
  type Metadata,
  type Rejection,
  type SampleValue,
  type SeriesWriter,
  UnknownSeries,
} from "../series.ts";
import { sameRules } from "./relabel.ts";
import { sampleLabels } from "./sample-labels.ts";
import type { Target } from "./target.ts";

interface Kept {
  readonly labels: Labels;
  /** Undefined until it is written for the first time. */
  reference: number | undefined;
  /** It was written last, without a timestamp of its own, and no marker came after. */
  live: boolean;
}

type Owner = Kept | "dropped";

interface Batch {
  readonly parser: ExpositionParser<Owner>;
  readonly memory: ExpositionMemory<Owner>;
  readonly series: ExposedSeries<Owner>[];
  readonly values: (number | NativeHistogram)[];
  /** NaN: the time of the scrape. */
  readonly times: number[];
  added: number;
}

/** What came of one exposition. */
export interface Written {
  readonly scraped: number;
  readonly kept: number;
  readonly added: number;
  readonly rejected: Readonly<Partial<Record<Rejection, number>>>;
}

export class TargetSeries {
  readonly #writer: SeriesWriter;
  #target: Target;
  #memory: ExpositionMemory<Owner> | undefined;
  #batch: Batch | undefined;
  /** Live series of an exposition that was read in another way. */
  #orphans: Kept[] = [];
  #metadata: ReadonlyMap<string, Metadata> = new Map();
  #reports = new Map<string, Kept>();

  constructor(target: Target, writer: SeriesWriter) {
    this.#target = target;
    this.#writer = writer;
  }

  /** The target with other settings: the same labels of its own, but perhaps others of its samples. */
  set target(target: Target) {
    const before = this.#target.definition.job;
    const { job } = target.definition;
    this.#target = target;
    if (before.honorLabels !== job.honorLabels || !sameRules(before.metricRelabel, job.metricRelabel))
      this.#forget();
  }

  /** What takes the chunks of the next exposition. Ends one that was not committed. */
  begin(format: ExpositionFormat): ExpositionParser<Owner> {
    this.#batch?.parser.abort();
    if (this.#memory?.format !== format) this.#forget();
    const memory = (this.#memory ??= new ExpositionMemory(format));
    const { job } = this.#target.definition;
    const { keptSamples = Infinity, ...limits } = { ...defaultLimits, ...job.limits };
    const honorTimestamps = job.honorTimestamps ?? true;
    const batch: Omit<Batch, "parser"> = { memory, series: [], values: [], times: [], added: 0 };
    const parser = openParser<Owner>(this.#target.url, memory, limits, (series, value, time) => {
      const owner = (series.owner ??= this.#adopt(series, batch));
      if (owner === "dropped") return;
      batch.series.push(series);
      batch.values.push(value);
      batch.times.push(honorTimestamps ? time : NaN);
      if (batch.series.length > keptSamples) refuseKept(this.#target, keptSamples);
    });
    this.#batch = Object.assign(batch, { parser });
    return parser;
  }

  /** Samples of the exposition that is not committed yet. */
  get pending(): { readonly scraped: number; readonly kept: number } {
    return { scraped: this.#batch?.parser.samples ?? 0, kept: this.#batch?.series.length ?? 0 };
  }

  /** Everything has come. Throws DiagnosticError when that is no whole exposition, and then nothing is written. */
  commit(time: number): Written {
    const batch = this.#batch as Batch;
    const vanished = batch.parser.end();
    this.#batch = undefined;
    const rejected: Partial<Record<Rejection, number>> = {};
    const count = (rejection: Rejection | undefined): void => {
      if (rejection !== undefined) rejected[rejection] = (rejected[rejection] ?? 0) + 1;
    };
    const { memory } = batch;
    for (let at = 0; at < batch.series.length; at++) {
      const series = batch.series[at] as ExposedSeries<Owner>;
      const kept = series.owner as Kept;
      const own = batch.times[at] as number;
      const untimed = Number.isNaN(own);
      count(
        this.#append(kept, untimed ? time : own, batch.values[at] as SampleValue, memory.startOf(series)),
      );
      kept.live = untimed;
    }
    for (const { owner } of vanished) if (owner !== undefined) this.#end(owner, time);
    this.#endOrphans(time);
    if (batch.parser.described) this.#describe(memory);
    return { scraped: batch.parser.samples, kept: batch.series.length, added: batch.added, rejected };
  }

  /** There is no exposition this time: whatever was there has ended. */
  fail(time: number): void {
    this.#batch?.parser.abort();
    this.#batch = undefined;
    for (const { owner } of this.#memory?.cache.series ?? []) if (owner !== undefined) this.#end(owner, time);
    this.#endOrphans(time);
  }

  /** `up` and its like: about the target, whatever it exposes. */
  report(values: Readonly<Record<string, number>>, time: number): void {
    for (const [name, value] of Object.entries(values)) {
      let kept = this.#reports.get(name);
      if (kept === undefined) {
        kept = {
          labels: this.#target.labels.with({ [METRIC_NAME]: name }),
          reference: undefined,
          live: false,
        };
        this.#reports.set(name, kept);
      }
      this.#append(kept, time, value);
      kept.live = true;
    }
  }

  /** The target is gone. */
  end(time: number): void {
    this.fail(time);
    for (const kept of this.#reports.values()) this.#end(kept, time);
  }

  #adopt(series: ExposedSeries<Owner>, batch: Omit<Batch, "parser">): Owner {
    const labels = sampleLabels(this.#target, series.name, series.labels);
    if (labels === undefined) return "dropped";
    if (!labels.has(METRIC_NAME))
      refuse({
        code: "NamelessSample",
        message: `Relabelling leaves the sample '${series.name}' of ${this.#target.url} without a name.`,
        hint: "Correct the rules that change '__name__', or let them drop the sample.",
      });
    batch.added++;
    return { labels, reference: undefined, live: false };
  }

  #append(kept: Kept, time: number, value: SampleValue, start?: number): Rejection | undefined {
    kept.reference ??= this.#writer.reference(kept.labels);
    try {
      return this.#writer.append(kept.reference, time, value, start);
    } catch (error) {
      if (!(error instanceof UnknownSeries)) throw error;
      kept.reference = this.#writer.reference(kept.labels);
      return this.#writer.append(kept.reference, time, value, start);
    }
  }

  #end(owner: Owner, time: number): void {
    if (owner === "dropped" || !owner.live) return;
    owner.live = false;
    this.#append(owner, time, "stale");
  }

  #endOrphans(time: number): void {
    for (const kept of this.#orphans) this.#end(kept, time);
    this.#orphans = [];
  }

  #forget(): void {
    this.#batch?.parser.abort();
    this.#batch = undefined;
    for (const { owner } of this.#memory?.cache.series ?? [])
      if (owner !== undefined && owner !== "dropped" && owner.live) this.#orphans.push(owner);
    this.#memory = undefined;
  }

  #describe(memory: ExpositionMemory<Owner>): void {
    const before = this.#metadata;
    this.#metadata = memory.metadata();
    for (const [name, metadata] of this.#metadata)
      if (!sameMetadata(metadata, before.get(name))) this.#writer.describe(name, metadata);
  }
}

function sameMetadata(one: Metadata, other: Metadata | undefined): boolean {
  return one.type === other?.type && one.help === other.help && one.unit === other.unit;
}

function refuseKept(target: Target, limit: number): never {
  return refuse({
    code: "ExpositionTooLarge",
    message: `After relabelling more than ${limit} samples of ${target.url} remain.`,
    hint: "Expose less, drop more, or raise the target's limit of kept samples.",
  });
}
