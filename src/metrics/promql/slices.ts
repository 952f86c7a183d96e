/**
 * A range query in slices of its steps, with a turn of the event loop between two: whoever shares the thread (scrapes, rules)
 * waits for a slice, not for the query.
 *
 *   steps of the query --slice as long as the last ones let expect--> rangeQuery --turn--> next slice ... --> joined by labels
 *
 *  - Each step is evaluated as in one go: at a step nothing is known of other steps, but where the query says `@ start()`
 *    or `@ end()`, or uses experimental durations; such queries are not cut.
 *  - The bounds (samples, deadline) are those of the whole query.
 *  - Samples that come while a query is cut may be seen by its later slices only.
 */
import type { SeriesReader } from "../series.ts";
import type { Expression } from "./ast.ts";
import { parseQuery, rangeQuery } from "./engine.ts";
import { compareLabels } from "./order.ts";
import type { MatrixPoint, MatrixSeries, QueryOptions, QueryResult } from "./result.ts";
import { operandsOf } from "./selectors.ts";

const DEFAULT_SAMPLES = 50_000_000;
const FIRST_STEPS = 16;
/** Milliseconds that a slice should take: with fewer, windows that reach back over several slices are read again and again. */
const WISHED = 200;
const GROWTH = 4;

export interface Pacing {
  /** Milliseconds; any clock that goes on. */
  readonly now: () => number;
  /** Resolves when others had their turn. */
  readonly turn: () => Promise<void>;
}

const ordinary: Pacing = {
  now: () => performance.now(),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/** As rangeQuery. Rejects with PromQLError. */
export async function rangeQueryInSlices(
  reader: SeriesReader,
  query: string,
  [start, end, step]: readonly [start: number, end: number, step: number],
  options: QueryOptions = {},
  pacing: Pacing = ordinary,
): Promise<QueryResult> {
  const expression = parseQuery(query, options);
  if (options.experimental === true || looksAtTheWhole(expression))
    return rangeQuery(reader, expression, start, end, step, options);
  const joined = new Joined();
  let left = options.maxSamples ?? DEFAULT_SAMPLES;
  let steps = FIRST_STEPS;
  for (let from = start; from <= end;) {
    const to = Math.min(end, from + (steps - 1) * step);
    const begun = pacing.now();
    const result = rangeQuery(reader, expression, from, to, step, { ...options, maxSamples: left });
    joined.add(result);
    left -= result.samples;
    from += steps * step;
    steps = nextSteps(steps, pacing.now() - begun);
    if (from <= end) await pacing.turn();
  }
  return joined.result;
}

function nextSteps(steps: number, took: number): number {
  const fitting = took <= 0 ? steps * GROWTH : (steps * WISHED) / took;
  return Math.max(1, Math.min(steps * GROWTH, Math.floor(fitting)));
}

/** `@ start()` and `@ end()` are of the whole query, not of a slice. */
function looksAtTheWhole(expression: Expression): boolean {
  if ("at" in expression && typeof expression.at === "string") return true;
  return operandsOf(expression).some(looksAtTheWhole);
}

class Joined {
  readonly #series = new Map<
    string,
    { readonly labels: MatrixSeries["labels"]; readonly points: MatrixPoint[] }
  >();
  readonly #warnings = new Set<string>();
  readonly #infos = new Set<string>();
  #samples = 0;

  add({ value, warnings, infos, samples }: QueryResult): void {
    this.#samples += samples;
    for (const warning of warnings) this.#warnings.add(warning);
    for (const info of infos) this.#infos.add(info);
    if (value.type !== "matrix") return;
    for (const { labels, points } of value.series) {
      const known = this.#series.get(labels.key);
      if (known === undefined) this.#series.set(labels.key, { labels, points: [...points] });
      else for (const point of points) known.points.push(point);
    }
  }

  get result(): QueryResult {
    const series = [...this.#series.values()].sort((a, b) => compareLabels(a.labels, b.labels));
    return {
      value: { type: "matrix", series },
      warnings: [...this.#warnings],
      infos: [...this.#infos],
      samples: this.#samples,
    };
  }
}
