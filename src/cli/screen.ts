/** Text on standard error that is drawn over itself, while people watch. */
import type { CommandContext } from "./context.ts";
import type { Output } from "./environment.ts";

export interface Screen {
  /** Something has changed. */
  readonly redraw: () => void;
  /** Leaves the last state on the screen. */
  readonly finish: () => void;
}

/** Redrawn no more often than this, in milliseconds. */
const FRAME = 80;

export function isRedrawable({ environment: { stderr, env } }: CommandContext): boolean {
  return stderr.isTTY === true && env["TERM"] !== "dumb" && env["CI"] === undefined;
}

/** How wide a text may be: what is piped is not cut, since whoever reads it may want all of it. */
export function columnsOf({ isTTY, columns = 0 }: Output): number {
  if (isTTY !== true) return Infinity;
  return columns > 0 ? columns : UNKNOWN.columns;
}

/** Of a terminal that does not say how large it is, as those of `script` and of some builds. */
const UNKNOWN = { columns: 80, rows: 24 };

/** `draw` gives lines, none longer than `columns` and at most `rows` of them; undefined while there is nothing to show. */
export function redrawing(
  context: CommandContext,
  draw: (columns: number, rows: number) => readonly string[] | undefined,
): Screen {
  const { stderr, clock } = context.environment;
  let drawn = 0;
  let isPending = false;
  let isFinished = false;
  const paint = (): void => {
    const lines = draw(stderr.columns || UNKNOWN.columns, (stderr.rows || UNKNOWN.rows) - 1);
    if (lines === undefined) return;
    stderr.write(`${drawn > 0 ? `\u001b[${drawn}A` : ""}\u001b[0J${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const tick = (): void => {
    if (isFinished) return;
    paint();
    isPending = false;
  };
  // The time shown goes on although nothing happens.
  const everySecond = (): void => {
    if (isFinished) return;
    paint();
    clock.setTimeout(everySecond, 1000);
  };
  clock.setTimeout(everySecond, 1000);
  return {
    redraw: () => {
      if (isPending) return;
      isPending = true;
      clock.setTimeout(tick, FRAME);
    },
    finish: () => {
      if (!isFinished) paint();
      isFinished = true;
    },
  };
}
