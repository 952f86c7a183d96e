/**
 * Progress while people watch: on a terminal a tree that is drawn over itself, elsewhere a line whenever something
 * changed. Goes to standard error, so that results can be piped.
 */
import type { CommandContext } from "./context.ts";
import { type Tree, nodeLine, seconds, treeView } from "./views/tree.ts";

export interface Live {
  readonly show: (tree: Tree) => void;
  /** Leaves the last state on the screen. */
  readonly finish: () => void;
}

/** Redrawn no more often than this, in milliseconds. */
const FRAME = 80;

export function live(context: CommandContext): Live {
  if (context.quiet) return { show: () => undefined, finish: () => undefined };
  const { stderr, env } = context.environment;
  return stderr.isTTY === true && env["TERM"] !== "dumb" && env["CI"] === undefined
    ? redrawn(context)
    : appended(context);
}

function redrawn(context: CommandContext): Live {
  const { stderr, clock } = context.environment;
  const started = clock.now();
  let drawn = 0;
  let tree: Tree | undefined;
  let isPending = false;
  let isFinished = false;
  const draw = (): void => {
    if (tree === undefined) return;
    const columns = stderr.columns ?? 80;
    const text = treeView(
      { ...tree, elapsed: clock.now() - started },
      { style: context.errorStyle, columns },
    );
    const lines = withinScreen(text.split("\n"), (stderr.rows ?? 24) - 1);
    stderr.write(`${drawn > 0 ? `\u001b[${drawn}A` : ""}\u001b[0J${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const tick = (): void => {
    if (isFinished) return;
    draw();
    isPending = false;
  };
  // The time shown goes on although nothing happens.
  const everySecond = (): void => {
    if (isFinished) return;
    draw();
    clock.setTimeout(everySecond, 1000);
  };
  clock.setTimeout(everySecond, 1000);
  return {
    show: (next) => {
      tree = next;
      if (isPending) return;
      isPending = true;
      clock.setTimeout(tick, FRAME);
    },
    finish: () => {
      if (!isFinished) draw();
      isFinished = true;
    },
  };
}

/** What does not fit is counted: lines above the screen's top could not be drawn over. Ready ones go first. */
function withinScreen(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const [head = "", ...rest] = lines;
  const open = rest.filter((line) => !line.includes("✓"));
  const done = rest.filter((line) => line.includes("✓"));
  const shown = [...open, ...done].slice(0, rows - 2);
  return [head, ...shown, `  ... and ${rest.length - shown.length} more`];
}

function appended(context: CommandContext): Live {
  const { clock } = context.environment;
  const started = clock.now();
  const last = new Map<string, string>();
  return {
    show: (tree) => {
      const columns = 100_000;
      for (const node of tree.nodes) {
        const line = nodeLine(node, { style: context.errorStyle, columns, addressWidth: 0, countWidth: 1 });
        if (last.get(node.address) === line) continue;
        last.set(node.address, line);
        context.say(`${seconds(clock.now() - started).padStart(6)} ${line}`);
      }
    },
    finish: () => undefined,
  };
}
