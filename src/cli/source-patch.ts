/**
 * What is found in the world, written back into the declaration it came from: a YAML file is changed in those places only,
 * comments and all else stay as they are.
 */
import { type Document, type Node, isMap, isScalar, isSeq, parseAllDocuments, stringify } from "yaml";
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
  if (document === undefined) return undefined;
  const steps = placeIn(document, stepsIn(path));
  const node: unknown = document.getIn(steps, true);
  if (isScalar(node) && isPlain(value) && node.range != null) {
    const [start, end] = node.range;
    return text.slice(0, start) + scalarText(value, node.type) + text.slice(end);
  }
  if (value === undefined) document.deleteIn(steps);
  else document.setIn(steps, value);
  const [start, , end] = document.range;
  const indent = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  const made = document.toString({
    lineWidth: 0,
    indent,
    indentSeq: !/^( *)[\w"']+:[ \t]*\n\1- /m.test(text),
  });
  return text.slice(0, start) + made.replace(/^---\n/, "") + text.slice(end);
}

/** Items of lists are found by their name. */
function placeIn(document: Document.Parsed, steps: readonly string[]): readonly (string | number)[] {
  const place: (string | number)[] = [];
  let node: unknown = document.contents;
  for (const step of steps) {
    const at = isSeq(node) ? indexIn(node.items as readonly Node[], step) : step;
    place.push(at);
    node = isSeq(node) || isMap(node) ? node.get(at, true) : undefined;
  }
  return place;
}

/** Behind the last one when there is none of that name. */
function indexIn(items: readonly Node[], step: string): number {
  const index = items.findIndex((item) => isMap(item) && item.get("name") === step);
  if (index >= 0) return index;
  return /^\d+$/.test(step) ? Number(step) : items.length;
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value !== undefined && (typeof value !== "object" || value === null);
}

/** Quoted where it was quoted. */
function scalarText(value: string | number | boolean | null, type: unknown): string {
  if (typeof value === "string" && type === "QUOTE_DOUBLE") return JSON.stringify(value);
  if (typeof value === "string" && type === "QUOTE_SINGLE") return `'${value.replaceAll("'", "''")}'`;
  return stringify(value, { lineWidth: 0 }).trimEnd();
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
