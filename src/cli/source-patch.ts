/**
 * What is found in the world, written back into the declaration it came from: a YAML file is changed in those places only,
 * comments and all else stay as they are.
 */
import {
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
  stringify,
} from "yaml";
import { stepsIn } from "../model/path-pattern.ts";

export interface Edit {
  /** `spec.users[app].access`. */
  readonly path: string;
  /** It goes when undefined. */
  readonly value: unknown;
}

/** Undefined when the file does not declare it. */
export function patchedYaml(
  text: string,
  { kind, name }: { readonly kind: string; readonly name: string },
  edits: readonly Edit[],
): string | undefined {
  let patched: string | undefined = text;
  for (const edit of edits) patched = patched === undefined ? undefined : edited(patched, kind, name, edit);
  return patched;
}

function edited(text: string, kind: string, name: string, { path, value }: Edit): string | undefined {
  const document = parseAllDocuments(text).find(
    (one) => one.get("kind") === kind && one.getIn(["metadata", "name"]) === name,
  );
  if (document?.contents == null) return undefined;
  const { node, parent, at, rest } = reached(document.contents, stepsIn(path));
  if (rest.length > 0) {
    if (value === undefined) return text;
    const inner = rest.slice(1).reduceRight<unknown>((held, step) => ({ [step]: held }), value);
    return inserted(text, node, rest[0] ?? "", inner);
  }
  if (value !== undefined) return replaced(text, node, value);
  return parent === undefined ? text : removed(text, parent, at);
}

interface Reached {
  readonly node: Node;
  /** What it is a member or item of, and which one. */
  readonly parent: YAMLMap | YAMLSeq | undefined;
  readonly at: number;
  /** Steps that lead to nothing that is there. */
  readonly rest: readonly string[];
}

/** As far as the steps lead. Items of lists are found by their name, else by their position. */
function reached(root: Node, steps: readonly string[]): Reached {
  let found: Reached = { node: root, parent: undefined, at: 0, rest: steps };
  for (const [index, step] of steps.entries()) {
    const { node } = found;
    if (!isMap(node) && !isSeq(node)) break;
    const at = isMap(node) ? memberIn(node, step) : itemIn(node, step);
    const member: unknown = isMap(node) ? (node.items[at] as Pair | undefined)?.value : node.items[at];
    if (!isNode(member)) break;
    found = { node: member, parent: node, at, rest: steps.slice(index + 1) };
  }
  return found;
}

function memberIn({ items }: YAMLMap, step: string): number {
  return items.findIndex(({ key }) => (isScalar(key) ? String(key.value) : String(key)) === step);
}

function itemIn({ items }: YAMLSeq, step: string): number {
  const index = items.findIndex((item) => isMap(item) && item.get("name") === step);
  return index < 0 && /^\d+$/.test(step) ? Number(step) : index;
}

function replaced(text: string, node: Node, value: unknown): string {
  const start = node.range?.[0] ?? 0;
  const type: unknown = isScalar(node) ? node.type : undefined;
  const isBlock = (isMap(node) || isSeq(node)) && node.flow !== true;
  // A block's first line begins behind its indentation, which the others need too.
  const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
  const made =
    isBlock && typeof value === "object" && value !== null && Object.keys(value).length > 0
      ? stringify(value, { lineWidth: 0 }).trimEnd().replaceAll("\n", `\n${indent}`)
      : inline(value, type);
  return text.slice(0, start) + made + text.slice(endOf(node));
}

/** Behind what is there; in a list `name` says nothing. */
function inserted(text: string, node: Node, name: string, value: unknown): string {
  const member = isSeq(node) ? inline(value) : `${inline(name)}: ${inline(value)}`;
  if ((!isMap(node) && !isSeq(node)) || node.items.length === 0)
    return replaced(text, node, isSeq(node) ? [value] : { [name]: value });
  const end = endOf(node);
  if (node.flow === true) {
    const last = endOf(node.items.at(-1) as Node | Pair);
    return `${text.slice(0, last)}, ${member}${text.slice(last)}`;
  }
  const start = node.range?.[0] ?? 0;
  const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
  const line = text.indexOf("\n", end);
  const at = line < 0 ? text.length : line;
  return `${text.slice(0, at)}\n${indent}${isSeq(node) ? "- " : ""}${member}${text.slice(at)}`;
}

function removed(text: string, parent: YAMLMap | YAMLSeq, at: number): string {
  const start = parent.range?.[0] ?? 0;
  if (parent.items.length === 1)
    return text.slice(0, start) + (isMap(parent) ? "{}" : "[]") + text.slice(endOf(parent));
  const item = parent.items[at] as Node | Pair;
  if (parent.flow === true) {
    const [from, to] =
      at === 0
        ? [startOf(item), startOf(parent.items[1] as Node | Pair)]
        : [endOf(parent.items[at - 1] as Node | Pair), endOf(item)];
    return text.slice(0, from) + text.slice(to);
  }
  const from = text.lastIndexOf("\n", startOf(item) - 1) + 1;
  const line = text.indexOf("\n", endOf(item));
  if (at > 0) return text.slice(0, from) + (line < 0 ? "" : text.slice(line + 1));
  // The first one may stand behind a dash, which the next one takes.
  const next = startOf(parent.items[1] as Node | Pair);
  return text.slice(0, startOf(item)) + text.slice(next);
}

function startOf(item: Node | Pair): number {
  return ((isNode(item) ? item : (item.key as Node)).range ?? [0])[0];
}

/** Of what it says: without comments and lines behind it. */
function endOf(item: Node | Pair): number {
  if (!isNode(item))
    return isNode(item.value) && item.value.range != null ? endOf(item.value) : endOf(item.key as Node);
  const last = (isMap(item) || isSeq(item)) && item.flow !== true ? item.items.at(-1) : undefined;
  return last === undefined ? (item.range?.[1] ?? 0) : endOf(last as Node | Pair);
}

/** On one line; quoted where it was quoted. */
function inline(value: unknown, type?: unknown): string {
  if (typeof value === "string" && type === "QUOTE_DOUBLE") return JSON.stringify(value);
  if (typeof value === "string" && type === "QUOTE_SINGLE") return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === "string" && value.includes("\n")) return JSON.stringify(value);
  return stringify(value, { lineWidth: 0, collectionStyle: "flow", flowCollectionPadding: false }).trimEnd();
}

const CONTEXT = 3;

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** As `diff -u` prints it; empty when nothing differs. */
export function unifiedDiff(file: string, before: string, after: string): string {
  if (before === after) return "";
  const lines = lineDiff(before.replace(/\n$/, "").split("\n"), after.replace(/\n$/, "").split("\n"));
  const changed = lines.flatMap(({ sign }, index) => (sign === " " ? [] : [index]));
  const hunks: [number, number][] = [];
  for (const index of changed) {
    const last = hunks.at(-1);
    if (last !== undefined && index - last[1] <= 2 * CONTEXT) last[1] = index;
    else hunks.push([index, index]);
  }
  const texts = hunks.map(([first, last]) => hunkText(lines, first - CONTEXT, last + CONTEXT + 1));
  return `--- ${file}\n+++ ${file}\n${texts.join("\n")}\n`;
}

function hunkText(lines: readonly Line[], from: number, to: number): string {
  const start = Math.max(0, from);
  const shown = lines.slice(start, to);
  const before = lines.slice(0, start);
  const count = (all: readonly Line[], other: "-" | "+"): number =>
    all.filter(({ sign }) => sign !== other).length;
  const head = `@@ -${count(before, "+") + 1},${count(shown, "+")} +${count(before, "-") + 1},${count(shown, "-")} @@`;
  return [head, ...shown.map(({ sign, text }) => sign + text)].join("\n");
}

/** By the longest common subsequence of what lies between the equal beginning and end. */
function lineDiff(before: readonly string[], after: readonly string[]): readonly Line[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const shorter = Math.min(before.length, after.length) - start;
  while (end < shorter && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const same = (text: string): Line => ({ sign: " ", text });
  return [
    ...before.slice(0, start).map(same),
    ...between(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

function between(before: readonly string[], after: readonly string[]): readonly Line[] {
  const table = lengths(before, after);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  for (let left = before[i]; left !== undefined; left = before[i]) {
    const isShared = left === after[j];
    const comesLater = !isShared && lengthAt(table, i, j + 1) > lengthAt(table, i + 1, j);
    lines.push(comesLater ? { sign: "+", text: after[j] ?? "" } : { sign: isShared ? " " : "-", text: left });
    if (!comesLater) i += 1;
    if (comesLater || isShared) j += 1;
  }
  return [...lines, ...after.slice(j).map((text): Line => ({ sign: "+", text }))];
}

function lengthAt(table: readonly (readonly number[])[], i: number, j: number): number {
  return table[i]?.[j] ?? -1;
}

/** Of the longest common subsequence from each pair of places on. */
function lengths(before: readonly string[], after: readonly string[]): readonly (readonly number[])[] {
  const table = Array.from({ length: before.length + 1 }, () => Array.from(after, () => 0).concat(0));
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1)
      (table[i] as number[])[j] =
        before[i] === after[j]
          ? (table[i + 1]?.[j + 1] ?? 0) + 1
          : Math.max(table[i + 1]?.[j] ?? 0, table[i]?.[j + 1] ?? 0);
  return table;
}
