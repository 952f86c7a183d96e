/**
 * `/federate`: the last sample of each series that fits, as another Prometheus scrapes it (prometheus.io/docs/prometheus/latest/federation).
 * Series that have ended, and native histograms, which the text formats cannot write, are left out.
 */
import { METRIC_NAME } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import { FLOAT, type ReadBudget, type SeriesReader } from "../series.ts";
import type { TextFormat } from "./format.ts";
import { familiesByName, writeFamilies, type WrittenSample } from "./write.ts";

/** How far back the last sample may be, in milliseconds; that of instant queries. */
const LOOKBACK = 5 * 60_000;

export interface Federation {
  /** A series that fits any of these. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly format: TextFormat;
  /** Added where a series has no label of the name. */
  readonly externalLabels?: Readonly<Record<string, string>>;
  readonly budget?: ReadBudget;
}

/** In pieces. Throws QueryLimitError when that reads more than the budget. */
export function federate(reader: Pick<SeriesReader, "select">, federation: Federation): Generator<string> {
  const { matcherSets, now, format, externalLabels = {}, budget } = federation;
  const found = new Map<string, WrittenSample & { readonly name: string }>();
  // Who honours labels and gets none for the instance would put its own: an empty one says that there is none.
  const added = Object.entries({ instance: "", ...externalLabels });
  for (const matchers of matcherSets)
    for (const { labels, points } of reader.select(matchers, now - LOOKBACK, now, budget)) {
      const last = points.length - 1;
      if (last < 0 || (points.marks?.[last] ?? FLOAT) !== FLOAT) continue;
      found.set(labels.key, {
        name: labels.get(METRIC_NAME),
        labels: [...labels, ...added.filter(([name]) => !labels.has(name))],
        value: points.values[last] as number,
        time: points.times[last] as number,
      });
    }
  return writeFamilies(familiesByName(found.values()), format);
}
