/**
 * Progress while people watch: on a terminal a tree that is drawn over itself, elsewhere a line whenever something
 * changed. Goes to standard error, so that results can be piped.
 */
import type { CommandContext } from "./context.ts";
import { isRedrawable, redrawing } from "./screen.ts";
import { type Tree, type TreeNode, nodeLine, seconds, treeView, widthsOf } from "./views/tree.ts";

export interface Live {
  /** `changed`: the nodes that may not be as they were shown last; all of them when absent. */
  readonly show: (tree: Tree, changed?: readonly TreeNode[]) => void;
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
    return treeView(
      { ...tree, elapsed: clock.now() - started },
      { style: context.errorStyle, columns, rows },
    ).split("\n");
  });
  return {
    show: (next) => {
      tree = next;
      screen.redraw();
    },
    finish: () => screen.finish(),
  };
}

function appended(context: CommandContext): Live {
  const { clock } = context.environment;
  const started = clock.now();
  const last = new Map<string, string>();
  let widths = widthsOf([]);
  return {
    show: (tree, changed = tree.nodes) => {
      widths = widthsOf(changed, widths);
      const options = { style: context.errorStyle, columns: Infinity, ...widths };
      const lines: string[] = [];
      for (const node of changed) {
        const line = nodeLine(node, options);
        if (last.get(node.address) === line) continue;
        last.set(node.address, line);
        lines.push(`${seconds(clock.now() - started).padStart(6)} ${line}`);
      }
      if (lines.length > 0) context.say(lines.join("\n"));
    },
    finish: () => undefined,
  };
}
