/**
 * Lines over time, drawn with braille dots: each character is 2 by 4 of them. Series have colours, and below a legend with
 * the last value of each; without colours they have letters where they end.
 */
import type { MeasuredSeries } from "../../provider/monitoring.ts";
import { formatNumber, seriesName } from "./measured.ts";
import { type Style, fitted } from "./style.ts";

export interface PlotOptions {
  readonly columns: number;
  readonly rows: number;
  readonly style: Style;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
}

const MOST_SERIES = 12;
const BRAILLE = 0x2800;
/** Bits of the dots of a character, by column and row. */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

export function plotView(series: readonly MeasuredSeries[], options: PlotOptions): string {
  const drawn = series.slice(0, MOST_SERIES);
  const values = drawn.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  if (values.length === 0) return "There is nothing to draw: no value is a number.";
  const { low, high } = boundsOf(values);
  const axis = [high, (high + low) / 2, low].map((value) => formatNumber(value));
  const margin = Math.max(...axis.map((text) => text.length)) + 2;
  const width = Math.max(10, options.columns - margin - 1);
  const canvas = new Canvas(width, options.rows);
  for (const [index, { points }] of drawn.entries()) {
    const dots = points.flatMap(([time, value]): (readonly [number, number])[] =>
      Number.isFinite(value)
        ? [
            [
              Math.round(
                ((time - options.start) / Math.max(1, options.end - options.start)) * (width * 2 - 1),
              ),
              Math.round(((high - value) / (high - low)) * (options.rows * 4 - 1)),
            ],
          ]
        : [],
    );
    canvas.line(dots, index);
  }
  const colours = coloursOf(options.style);
  const marks = marksOf(options.style, drawn.length, colours);
  const lines = canvas
    .text(colours, marks)
    .map((line, row) => `${label(row, options.rows, axis).padStart(margin - 2)} ┤${line}`);
  const times = timeAxis(options, width);
  return [
    ...lines,
    `${" ".repeat(margin - 1)}└${"─".repeat(width)}`,
    " ".repeat(margin) + times,
    ...legend(series, marks, options),
  ].join("\n");
}

/** A little room above and below; zero is in sight when it is near. */
function boundsOf(values: readonly number[]): { readonly low: number; readonly high: number } {
  const least = values.reduce((a, b) => Math.min(a, b));
  const most = values.reduce((a, b) => Math.max(a, b));
  const low = least > 0 && least < most / 2 ? 0 : least;
  if (low === most)
    return {
      low: low - Math.abs(low) * 0.1 - (low === 0 ? 1 : 0),
      high: most + Math.abs(most) * 0.1 + (most === 0 ? 1 : 0),
    };
  return { low, high: most };
}

function label(row: number, rows: number, [top = "", middle = "", bottom = ""]: readonly string[]): string {
  if (row === 0) return top;
  if (row === rows - 1) return bottom;
  return row === Math.floor((rows - 1) / 2) ? middle : "";
}

function timeAxis({ start, end }: PlotOptions, width: number): string {
  const clock = (time: number): string => new Date(time).toLocaleTimeString("en-GB");
  const [first, last] = [clock(start), clock(end)];
  return `${first}${" ".repeat(Math.max(1, width - first.length - last.length))}${last}`;
}

function coloursOf(style: Style): readonly ((text: string) => string)[] {
  return [style.green, style.yellow, style.cyan, style.magenta, style.blue, style.red];
}

/** What tells series apart: colours, or letters where there are none. One series needs nothing. */
function marksOf(
  style: Style,
  series: number,
  colours: readonly ((text: string) => string)[],
): readonly string[] {
  const isColoured = style.red("x") !== "x";
  return Array.from({ length: series }, (_one, index) =>
    isColoured || series === 1
      ? (colours[index % colours.length] as (text: string) => string)("━")
      : String.fromCodePoint(0x61 + index),
  );
}

function legend(
  series: readonly MeasuredSeries[],
  marks: readonly string[],
  { columns }: PlotOptions,
): readonly string[] {
  const lines = series.slice(0, marks.length).map(({ labels, points }, index) => {
    const last = formatNumber(points.at(-1)?.[1] ?? Number.NaN);
    return `${marks[index] ?? ""} ${last.padStart(9)}  ${fitted(seriesName(labels), Math.max(10, columns - 12))}`;
  });
  const more = series.length - marks.length;
  return more > 0 ? [...lines, `  and ${more} more series; sum() or topk() makes fewer of them`] : lines;
}

class Canvas {
  readonly #width: number;
  readonly #cells: Uint8Array;
  readonly #owners: Int16Array;
  readonly #rows: number;
  /** Cells where lines end. */
  readonly #ends = new Set<number>();

  constructor(width: number, rows: number) {
    this.#width = width;
    this.#rows = rows;
    this.#cells = new Uint8Array(width * rows);
    this.#owners = new Int16Array(width * rows).fill(-1);
  }

  line(dots: readonly (readonly [number, number])[], owner: number): void {
    for (const [index, [x, y]] of dots.entries()) {
      const [fromX, fromY] = dots[index - 1] ?? [x, y];
      const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
      for (let step = 0; step <= steps; step += 1)
        this.#dot(
          Math.round(fromX + ((x - fromX) * step) / steps),
          Math.round(fromY + ((y - fromY) * step) / steps),
          owner,
        );
    }
    const [x, y] = dots.at(-1) ?? [-1, -1];
    if (x >= 0) this.#ends.add((y >> 2) * this.#width + (x >> 1));
  }

  text(colours: readonly ((text: string) => string)[], marks: readonly string[]): readonly string[] {
    return Array.from({ length: this.#rows }, (_row, row) =>
      Array.from({ length: this.#width }, (_cell, column) => {
        const at = row * this.#width + column;
        const bits = this.#cells[at] ?? 0;
        if (bits === 0) return " ";
        const owner = this.#owners[at] ?? 0;
        const mark = marks[owner] ?? "";
        if (this.#ends.has(at) && /^[a-z]$/.test(mark)) return mark;
        const colour = colours[owner % colours.length] as (text: string) => string;
        return colour(String.fromCodePoint(BRAILLE + bits));
      }).join(""),
    );
  }

  #dot(x: number, y: number, owner: number): void {
    const [column, row] = [x >> 1, y >> 2];
    if (column < 0 || column >= this.#width || row < 0 || row >= this.#rows) return;
    const at = row * this.#width + column;
    this.#cells[at] = (this.#cells[at] ?? 0) | (DOTS[x & 1]?.[y & 3] ?? 0);
    this.#owners[at] = owner;
  }
}
