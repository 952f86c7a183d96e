/**
 * Labels: what tells series apart. An immutable, sorted list of pairs; a label with an empty value is the same as none.
 *
 * `key` is canonical: two label sets are equal exactly when their keys are. It is computed once and kept, since grouping,
 * matching and the series index compare labels all the time. In a key each text is preceded by its length, so that no
 * byte of a value can be taken for a separator.
 */
export const METRIC_NAME = "__name__";

export class Labels {
  static readonly empty = new Labels([]);

  /** Name, value, name, value ... sorted by name (UTF-16 code units), no empty values, no name twice. */
  readonly flat: readonly string[];
  #key: string | undefined;

  private constructor(flat: readonly string[]) {
    this.flat = flat;
  }

  /** From any order; the last of equal names wins; empty values are left out. */
  static of(pairs: Iterable<readonly [string, string]> | Readonly<Record<string, string>>): Labels {
    const entries = Symbol.iterator in pairs ? pairs : Object.entries(pairs);
    const known = new Map<string, string>();
    for (const [name, value] of entries as Iterable<readonly [string, string]>) {
      if (value === "") known.delete(name);
      else known.set(name, value);
    }
    if (known.size === 0) return Labels.empty;
    const names = [...known.keys()].sort(compareText);
    const flat: string[] = [];
    for (const name of names) flat.push(name, known.get(name) ?? "");
    return new Labels(flat);
  }

  /** Trusts the caller: sorted, distinct, no empty values. */
  static ofSorted(flat: readonly string[]): Labels {
    return flat.length === 0 ? Labels.empty : new Labels(flat);
  }

  get size(): number {
    return this.flat.length / 2;
  }

  get key(): string {
    if (this.#key !== undefined) return this.#key;
    let key = "";
    for (const text of this.flat) key += `${text.length}:${text}`;
    return (this.#key = key);
  }

  /** The empty text when there is no such label. */
  get(name: string): string {
    const { flat } = this;
    for (let at = 0; at < flat.length; at += 2) if (flat[at] === name) return flat[at + 1] as string;
    return "";
  }

  has(name: string): boolean {
    return this.get(name) !== "";
  }

  *[Symbol.iterator](): Generator<readonly [string, string]> {
    const { flat } = this;
    for (let at = 0; at < flat.length; at += 2) yield [flat[at] as string, flat[at + 1] as string];
  }

  /** With these set; an empty value takes the label away. */
  with(changes: Readonly<Record<string, string>>): Labels {
    return Labels.of([...this, ...Object.entries(changes)]);
  }

  /** Only these. */
  keep(names: ReadonlySet<string>): Labels {
    return this.#filter((name) => names.has(name));
  }

  /** All but these. */
  drop(names: ReadonlySet<string>): Labels {
    return this.#filter((name) => !names.has(name));
  }

  equals(other: Labels): boolean {
    return this === other || this.key === other.key;
  }

  toObject(): Record<string, string> {
    return Object.fromEntries(this);
  }

  /** As Prometheus writes a series: `name{a="b"}`. */
  toString(): string {
    const pairs: string[] = [];
    for (const [name, value] of this)
      if (name !== METRIC_NAME) pairs.push(`${quotedName(name)}=${JSON.stringify(value)}`);
    const metric = this.get(METRIC_NAME);
    return pairs.length === 0 && metric !== "" ? metric : `${metric}{${pairs.join(", ")}}`;
  }

  #filter(wanted: (name: string) => boolean): Labels {
    const { flat } = this;
    const kept: string[] = [];
    for (let at = 0; at < flat.length; at += 2)
      if (wanted(flat[at] as string)) kept.push(flat[at] as string, flat[at + 1] as string);
    return kept.length === flat.length ? this : Labels.ofSorted(kept);
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function quotedName(name: string): string {
  return /^[a-zA-Z_:][\w:]*$/.test(name) ? name : JSON.stringify(name);
}
