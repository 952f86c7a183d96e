/** Writes Prometheus' text format (version 0.0.4): families one after the other, each with its samples together. */

export type LabelValues = Readonly<Record<string, string>>;

export class Exposition {
  readonly #lines: string[] = [];

  /** The samples that follow are of this family. */
  family(name: string, type: "counter" | "gauge" | "histogram", help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  sample(name: string, labels: LabelValues, value: number): void {
    this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  /** A family whose samples are all there; none is written when there are none. */
  samples(
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: Iterable<readonly [labels: LabelValues, value: number]>,
  ): void {
    let isFirst = true;
    for (const [labels, value] of samples) {
      if (isFirst) this.family(name, type, help);
      isFirst = false;
      this.sample(name, labels, value);
    }
  }

  /** One series of a histogram family: `counts[i]` fell above `bounds[i - 1]` and up to `bounds[i]`, the last one above all. */
  histogram(
    name: string,
    labels: LabelValues,
    bounds: readonly number[],
    { counts, sum }: { readonly counts: ArrayLike<number>; readonly sum: number },
  ): void {
    let total = 0;
    for (const [index, bound] of bounds.entries()) {
      total += counts[index] ?? 0;
      this.sample(`${name}_bucket`, { ...labels, le: String(bound) }, total);
    }
    total += counts[bounds.length] ?? 0;
    this.sample(`${name}_bucket`, { ...labels, le: "+Inf" }, total);
    this.sample(`${name}_sum`, labels, sum);
    this.sample(`${name}_count`, labels, total);
  }

  toString(): string {
    return this.#lines.length === 0 ? "" : `${this.#lines.join("\n")}\n`;
  }
}

function labelText(labels: LabelValues): string {
  const parts: string[] = [];
  for (const name in labels) parts.push(`${name}="${escaped(labels[name] ?? "")}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value)
    ? value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))
    : value;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
