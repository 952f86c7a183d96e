/** How series are read and written whatever they are kept in: the head, and sources of what is older. */
import type { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import type {
  AppendResult,
  Metadata,
  ReadBudget,
  Rejection,
  Sample,
  SampleValue,
  Series,
  SeriesReader,
  SeriesWriter,
} from "../series.ts";
import type { Head } from "./head.ts";
import { headSource } from "./head-reader.ts";
import { MetadataTable } from "./metadata.ts";
import { type Source, read } from "./selection.ts";

type MatcherSets = readonly (readonly Matcher[])[];

export abstract class SeriesAccess implements SeriesReader, SeriesWriter {
  protected readonly head: Head;
  protected readonly described = new MetadataTable();
  readonly #headSource: Source;

  constructor(head: Head) {
    this.head = head;
    this.#headSource = headSource(head);
  }

  abstract flush(): Promise<void>;

  /** Sources of what is older than the head, in the order of their times. */
  protected olderSources(_from: number, _to: number): readonly Source[] {
    return [];
  }

  select(matchers: readonly Matcher[], from: number, to: number, budget?: ReadBudget): readonly Series[] {
    return read(this.#sources(from, to), matchers, from, to, budget);
  }

  labelSets(
    matcherSets: MatcherSets,
    from: number,
    to: number,
    limit = Number.POSITIVE_INFINITY,
  ): readonly Labels[] {
    const found = new Map<string, Labels>();
    for (const labels of this.#matching(matcherSets.length === 0 ? [[]] : matcherSets, from, to)) {
      if (found.size >= limit) break;
      found.set(labels.key, labels);
    }
    return [...found.values()];
  }

  labelNames(matcherSets: MatcherSets, from: number, to: number): readonly string[] {
    const names = new Set<string>();
    if (matcherSets.length === 0)
      for (const source of this.#sources(from, to)) for (const name of source.labelNames()) names.add(name);
    for (const { flat } of this.#matching(matcherSets, from, to))
      for (let at = 0; at < flat.length; at += 2) names.add(flat[at] as string);
    return ascending(names);
  }

  labelValues(name: string, matcherSets: MatcherSets, from: number, to: number): readonly string[] {
    const values = new Set<string>();
    if (matcherSets.length === 0)
      for (const source of this.#sources(from, to))
        for (const value of source.labelValues(name)) values.add(value);
    for (const labels of this.#matching(matcherSets, from, to)) values.add(labels.get(name));
    values.delete("");
    return ascending(values);
  }

  metadata(): ReadonlyMap<string, Metadata> {
    return this.described.all();
  }

  reference(labels: Labels): number {
    return this.head.reference(labels);
  }

  append(reference: number, time: number, value: SampleValue, start?: number): Rejection | undefined {
    return this.head.append(reference, time, value, start);
  }

  write(samples: Iterable<Sample>): AppendResult {
    let appended = 0;
    const rejected: Partial<Record<Rejection, number>> = {};
    for (const { labels, time, value, start } of samples) {
      const why = this.append(this.reference(labels), time, value, start);
      if (why === undefined) appended++;
      else rejected[why] = (rejected[why] ?? 0) + 1;
    }
    return { appended, rejected };
  }

  describe(metric: string, metadata: Metadata): void {
    this.described.set(metric, metadata);
  }

  #sources(from: number, to: number): Source[] {
    return [...this.olderSources(from, to), this.#headSource];
  }

  *#matching(matcherSets: MatcherSets, from: number, to: number): Generator<Labels> {
    for (const source of this.#sources(from, to)) {
      for (const matchers of matcherSets) {
        const selection = source.select(matchers, from, to);
        for (let at = 0; at < selection.size; at++) yield selection.labels(at);
      }
    }
  }
}

function ascending(texts: ReadonlySet<string>): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
