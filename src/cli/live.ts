/**
 * Progress while people watch: on a terminal a tree that is drawn over itself, elsewhere a line whenever something
 * changed. Goes to standard error, so that results can be piped.
 */
import type { CommandContext } from "./context.ts";
import { isRedrawable, redrawing } from "./screen.ts";
import { type Tree, nodeLine, seconds, treeView, widthsOf } from "./views/tree.ts";

export interface Live {
  readonly show: (tree: Tree) => void;
  /** Leaves the last state on the screen. */
  readonly finish: () => void;
}

export function live(context: CommandContext): Live {
  if (context.quiet) return { show: () => undefined, finish: () => undefined };
  return isRedrawable(context) ? redrawn(context) : appended(context);
}

function redrawn(context: CommandContext): Live {
  const { clock } = context.environment;
  const started = clock.now();
  let tree: Tree | undefined;
  const screen = redrawing(context, (columns, rows) => {
    if (tree === undefined) return undefined;
    const text = treeView(
      { ...tree, elapsed: clock.now() - started },
      { style: context.errorStyle, columns },
    );
    return withinScreen(text.split("\n"), rows);
  });
  return {
    show: (next) => {
      tree = next;
      screen.redraw();
    },
    finish: () => screen.finish(),
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
      const options = { style: context.errorStyle, columns: Infinity, ...widthsOf(tree) };
      for (const node of tree.nodes) {
        const line = nodeLine(node, options);
        if (last.get(node.address) === line) continue;
        last.set(node.address, line);
        context.say(`${seconds(clock.now() - started).padStart(6)} ${line}`);
      }
    },
    finish: () => undefined,
  };
}
