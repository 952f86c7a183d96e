/** A plot in text whose axes are both logarithmic: what grows as the size does rises one line a step. */

export interface Curve {
  /** One character. */
  readonly mark: string;
  /** Size and value, both above 0. */
  readonly points: readonly (readonly [number, number])[];
}

/** Columns for each factor of ten of the size, and lines for each of the value: equal, so that linear growth is a diagonal. */
const WIDE = 18;
const HIGH = 6;

export function plot(curves: readonly Curve[], unit: string): string {
  const points = curves.flatMap((curve) => curve.points);
  const [left, right] = bounds(points.map(([size]) => size));
  const [low, high] = bounds(points.map(([, value]) => value));
  const lines = Array.from({ length: (high - low) * HIGH + 1 }, () => " ".repeat((right - left) * WIDE + 1));
  for (const { mark, points: own } of curves) {
    for (const [size, value] of own) {
      const column = Math.round((Math.log10(size) - left) * WIDE);
      const line = Math.round((high - Math.log10(value)) * HIGH);
      const text = lines[line] ?? "";
      const taken = text[column] !== " ";
      lines[line] = text.slice(0, column) + (taken ? "*" : mark) + text.slice(column + 1);
    }
  }
  const labelled = lines.map((line, index) => {
    const isDecade = index % HIGH === 0;
    const label = isDecade ? `${String(10 ** (high - index / HIGH))} ${unit}` : "";
    return `${label.padStart(10)} ${isDecade ? "+" : "|"}${line.trimEnd()}`;
  });
  const ticks = Array.from({ length: right - left + 1 }, (_, index) =>
    (10 ** (left + index)).toLocaleString("en").padEnd(WIDE),
  );
  return [
    ...labelled,
    `${" ".repeat(11)}+${"-".repeat((right - left) * WIDE + 1)}`,
    `${" ".repeat(12)}${ticks.join("")}`.trimEnd(),
  ].join("\n");
}

/** Powers of ten around the values. */
function bounds(values: readonly number[]): readonly [number, number] {
  const logs = values.map((value) => Math.log10(value));
  return [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
}
