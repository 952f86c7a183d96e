/**
 * A system as a tree: one line a resource, what it waits for in a few words; a service's instances are counted, not listed.
 *
 *     shop                                 4/6 ready  2.1s
 *       ✓ database/orders                  ready
 *       … service/api             1/3      1 of 3 instances are ready.
 *       ✗ service/worker          0/1      It ended with code 1.
 */
import { conditionOf } from "../../model/condition.ts";
import { readinessOf } from "../../model/readiness.ts";
import { type Resource, rootName } from "../../model/resource.ts";
import { type Style, fitted, harmless, padded, width } from "./style.ts";

export type NodeState = "ready" | "waiting" | "failed" | "leaving" | "gone";

/** One line of the tree. */
export interface TreeNode {
  readonly address: string;
  readonly state: NodeState;
  /** `2/3`, where a thing has copies. */
  readonly count?: string;
  /** One sentence: what it waits for, or what is wrong. */
  readonly reason?: string;
}

export interface Tree {
  readonly system: string;
  readonly nodes: readonly TreeNode[];
  /** Milliseconds since it began; absent where nothing began. */
  readonly elapsed?: number;
}

/** What a resource's own conditions say of it. */
export function nodeOf(resource: Resource): TreeNode {
  const address = `${rootName(resource.kind)}/${resource.metadata.name}`;
  if (resource.metadata.deletionTimestamp !== undefined) {
    // Of a gate that a Change closed nothing is said here: nobody looks at that while a thing is being deleted.
    const paused = conditionOf(resource, "Paused");
    const isKept = paused?.status === "True" && paused.reason === "Paused";
    const reason = isKept ? `is to be deleted. ${paused.message}` : "is being deleted";
    return { address, state: "leaving", reason };
  }
  const { readyReplicas } = (resource.status ?? {}) as { readonly readyReplicas?: number };
  return { address, ...readinessOf(resource), ...countOf(resource, readyReplicas) };
}

function countOf(resource: Resource, ready: number | undefined): { readonly count?: string } {
  if (resource.kind !== "Service") return {};
  return {
    count: `${ready ?? 0}/${String((resource.spec as { readonly replicas?: number }).replicas ?? 1)}`,
  };
}

const SYMBOLS: Readonly<Record<NodeState, string>> = {
  ready: "✓",
  waiting: "…",
  failed: "✗",
  leaving: "-",
  gone: " ",
};

export function symbolOf(state: NodeState, style: Style): string {
  const colours = {
    ready: style.green,
    waiting: style.yellow,
    failed: style.red,
    leaving: style.dim,
    gone: style.dim,
  } as const;
  return colours[state](SYMBOLS[state]);
}

/** At most `rows` lines: what does not fit is counted, since lines above the screen's top could not be drawn over. */
export function treeView(
  tree: Tree,
  {
    style,
    columns,
    rows = Infinity,
  }: { readonly style: Style; readonly columns: number; readonly rows?: number },
): string {
  const { nodes } = tree;
  const shown = nodes.length < rows ? nodes : openFirst(nodes, rows - 2);
  const options = { style, columns: columns - 2, ...widthsOf(shown) };
  const lines = [headLine(tree, style), ...shown.map((node) => `  ${nodeLine(node, options)}`)];
  const hidden = nodes.length - shown.length;
  return (hidden === 0 ? lines : [...lines, `  ... and ${hidden} more`]).join("\n");
}

function openFirst(nodes: readonly TreeNode[], count: number): readonly TreeNode[] {
  const open = nodes.filter((node) => node.state !== "ready").slice(0, count);
  return [...open, ...nodes.filter((node) => node.state === "ready").slice(0, count - open.length)];
}

/** So that reasons stand below one another, also below those that were shown before. */
export function widthsOf(
  nodes: readonly TreeNode[],
  before: Pick<NodeLineOptions, "addressWidth" | "countWidth"> = { addressWidth: 12, countWidth: 0 },
): Pick<NodeLineOptions, "addressWidth" | "countWidth"> {
  let { addressWidth, countWidth } = before;
  for (const node of nodes) {
    addressWidth = Math.max(addressWidth, width(node.address));
    countWidth = Math.max(countWidth, width(node.count ?? ""));
  }
  return { addressWidth, countWidth };
}

function headLine(tree: Tree, style: Style): string {
  const gone = tree.nodes.filter((node) => node.state === "gone").length;
  const leaving = tree.nodes.filter((node) => node.state === "leaving").length;
  const isGoing = tree.nodes.length > 0 && gone + leaving === tree.nodes.length;
  const ready = tree.nodes.filter((node) => node.state === "ready").length;
  const count = isGoing ? `${gone}/${tree.nodes.length} gone` : `${ready}/${tree.nodes.length - gone} ready`;
  const elapsed = tree.elapsed === undefined ? "" : `  ${style.dim(seconds(tree.elapsed))}`;
  return `${style.bold(tree.system)}  ${count}${elapsed}`;
}

interface NodeLineOptions {
  readonly style: Style;
  readonly columns: number;
  readonly addressWidth: number;
  readonly countWidth: number;
}

export function nodeLine(
  node: TreeNode,
  { style, columns, addressWidth, countWidth }: NodeLineOptions,
): string {
  const head = `${padded(node.address, addressWidth)}${countWidth === 0 ? "" : `  ${padded(node.count ?? "", countWidth)}`}`;
  const room = Math.max(16, columns - width(head) - 4);
  const reason = fitted(harmless(node.reason ?? WORDS[node.state]).replaceAll("\n", " "), room);
  return `${symbolOf(node.state, style)} ${head}  ${node.state === "failed" ? style.red(reason) : style.dim(reason)}`.trimEnd();
}

const WORDS: Readonly<Record<NodeState, string>> = {
  ready: "ready",
  waiting: "waiting",
  failed: "failed",
  leaving: "is being deleted",
  gone: "gone",
};

/** `0.4s`, `12.0s`, `2m05s`: short enough to be redrawn. */
export function seconds(milliseconds: number): string {
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)}s`;
  const whole = Math.floor(milliseconds / 1000);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}
