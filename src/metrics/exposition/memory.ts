/** What is kept of a source from one exposition to the next, and what reads the next. */
import type { NativeHistogram } from "../histogram.ts";
import type { Metadata } from "../series.ts";
import type { ExpositionFormat } from "./format.ts";
import type { MetadataLine } from "./metadata-line.ts";
import { OpenMetricsRules } from "./openmetrics-rules.ts";
import { type ExposedSeries, SeriesCache } from "./series-cache.ts";

/** Told of each sample; `time` in milliseconds, NaN where the line has none. */
export type SampleListener<Owner, Value = number | NativeHistogram> = (
  series: ExposedSeries<Owner>,
  value: Value,
  time: number,
) => void;

export interface KnownDescriptor {
  readonly text: string;
  readonly line: MetadataLine;
}

/** What is kept of a source from one exposition to the next, so that only what is new is parsed. */
export class ExpositionMemory<Owner> {
  readonly format: ExpositionFormat;
  readonly cache = new SeriesCache<Owner>();
  readonly rules: OpenMetricsRules | undefined;
  descriptors: ReadonlyMap<string, KnownDescriptor> = new Map();

  constructor(format: ExpositionFormat) {
    this.format = format;
    this.rules = format === "openmetrics" ? new OpenMetricsRules() : undefined;
  }

  /** By name of the family, as of the last whole exposition. */
  metadata(): ReadonlyMap<string, Metadata> {
    const families = new Map<string, Metadata>();
    for (const { line } of this.descriptors.values()) {
      if (!("name" in line)) continue;
      const known = families.get(line.name) ?? { type: "unknown", help: "", unit: "" };
      families.set(line.name, { ...known, [line.what]: line.what === "type" ? line.type : line.text });
    }
    return families;
  }

  /** When what the series counts began, in milliseconds; undefined when the exposition that is read does not say. */
  startOf(series: ExposedSeries<Owner>): number | undefined {
    return this.rules === undefined ? series.start : this.rules.startOf(series);
  }
}

/** Reads one exposition in any format: text-parser.ts, protobuf-parser.ts. */
export interface ExpositionParser<Owner> {
  /** Samples read so far. */
  readonly samples: number;
  /** Whether there was metadata that the last pass did not have. */
  readonly described: boolean;
  /** Throws DiagnosticError. */
  write(chunk: Uint8Array): void;
  /** The exposition is whole. Returns the series that the last pass had and this one has not. Throws DiagnosticError. */
  end(): readonly ExposedSeries<Owner>[];
  /** The exposition is refused or broken off: what it brought that was new is forgotten. */
  abort(): void;
}
