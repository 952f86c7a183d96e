/** What tells an alert from all others, the same through restarts and on other machines. */
import { createHash } from "node:crypto";
import type { Labels } from "../labels.ts";
import type { Rule, RuleGroup } from "./rule.ts";

export function fingerprintOf(rule: string, labels: Labels): string {
  return createHash("sha256").update(`${rule}\0${labels.key}`).digest("hex").slice(0, 32);
}

export function groupKey({ file, name }: Pick<RuleGroup, "file" | "name">): string {
  return `${file}\0${name}`;
}

/**
 * Of each rule of a group, in order: its kind, name and labels, and which one it is of several that are equal in these.
 * A change to expression, durations or annotations leaves a rule the same.
 */
export function ruleIdentities(group: RuleGroup): readonly string[] {
  const counts = new Map<string, number>();
  return group.rules.map((rule) => {
    const base = `${groupKey(group)}\0${rule.kind}\0${rule.name}\0${labelsKey(rule)}`;
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return `${base}\0${count}`;
  });
}

function labelsKey({ labels }: Rule): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Two groups with the same content are the same, wherever in their files they stand. */
export function contentOf(group: RuleGroup): string {
  const rules = group.rules.map(({ parsed: _parsed, source: _source, ...rule }) => rule);
  return JSON.stringify({ ...group, rules });
}

/** An identity as a short text of its own. */
export function ruleDigest(identity: string): string {
  return createHash("sha256").update(identity).digest("hex").slice(0, 16);
}

/** When within its interval a group is evaluated: spread over it, and always the same. Milliseconds. */
export function offsetOf(group: Pick<RuleGroup, "file" | "name">, interval: number): number {
  return createHash("sha256").update(groupKey(group)).digest().readUIntBE(0, 6) % interval;
}
