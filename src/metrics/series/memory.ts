/** Series in memory only: for tests, and for rules that are tried on samples of their own. */
import type { Clock } from "../../clock/clock.ts";
import type { SeriesReader, SeriesWriter } from "../series.ts";
import { SeriesAccess } from "./access.ts";
import { Head } from "./head.ts";

export interface MemorySeriesOptions {
  /** With a clock, samples too far ahead of it are refused. */
  readonly clock?: Clock;
  readonly limits?: { readonly series?: number };
}

class MemorySeries extends SeriesAccess {
  flush(): Promise<void> {
    return Promise.resolve();
  }
}

export function memorySeries(options: MemorySeriesOptions = {}): SeriesReader & SeriesWriter {
  const { clock, limits } = options;
  return new MemorySeries(
    new Head({
      range: Number.MAX_SAFE_INTEGER,
      maxSeries: limits?.series ?? Number.MAX_SAFE_INTEGER,
      ...(clock === undefined ? {} : { now: () => clock.now() }),
    }),
  );
}
