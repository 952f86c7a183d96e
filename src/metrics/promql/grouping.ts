/** Which rows belong together, for aggregations and for matching: by some labels, or by all but some. Asked once per row. */
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Grid } from "./grid.ts";

export interface Groups {
  /** The number of its group, by row. */
  readonly of: Int32Array;
  /** The first row of each group. */
  readonly first: readonly number[];
}

/** Numbers groups; several grids can share one, so that equal groups get equal numbers. */
export class Grouping {
  readonly #evaluation: Evaluation;
  readonly #names: readonly string[];
  readonly #set: ReadonlySet<string>;
  readonly #without: boolean;
  readonly #numbers = new Map<string, number>();

  /** `unnamed`: the labels that are never what tells groups apart, unless they are asked for. */
  constructor(
    evaluation: Evaluation,
    names: readonly string[],
    without: boolean,
    unnamed: Iterable<string> = evaluation.identityLabels,
  ) {
    this.#evaluation = evaluation;
    this.#names = [...new Set(names)].sort();
    this.#set = new Set(without ? [...names, ...unnamed] : names);
    this.#without = without;
  }

  get count(): number {
    return this.#numbers.size;
  }

  groups(grid: Grid): Groups {
    const of = new Int32Array(grid.rows);
    const first: number[] = [];
    for (let row = 0; row < grid.rows; row++) {
      const number = this.#number(grid, row);
      of[row] = number;
      first[number] ??= row;
    }
    return { of, first };
  }

  #number(grid: Grid, row: number): number {
    const key = this.#without ? this.#keyWithout(grid.labels[row] as Labels) : this.#keyBy(grid, row);
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, (number = this.#numbers.size));
    return number;
  }

  #keyBy(grid: Grid, row: number): string {
    if (this.#names.length === 0) return "";
    const labels = this.#set.has(METRIC_NAME)
      ? this.#evaluation.labelsOf(grid, row)
      : (grid.labels[row] as Labels);
    if (this.#names.length === 1) return labels.get(this.#names[0] as string);
    let key = "";
    for (const name of this.#names) {
      const value = labels.get(name);
      key += `${value.length}:${value}`;
    }
    return key;
  }

  #keyWithout({ flat }: Labels): string {
    let key = "";
    for (let at = 0; at < flat.length; at += 2) {
      const name = flat[at] as string;
      if (this.#set.has(name)) continue;
      const value = flat[at + 1] as string;
      key += `${name.length}:${name}${value.length}:${value}`;
    }
    return key;
  }

  /** What all rows of a group have in common. */
  labels(labels: Labels): Labels {
    return this.#without ? labels.drop(this.#set) : labels.keep(this.#set);
  }
}
