/**
 * Recurrence rules with all their instances: `rrule.json` in the folder. With `start_at`, a search begun there must also
 * give exactly those that are left.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseLocalTime } from "../../src/workflow/schedule/local-time.ts";
import { recurrenceSet } from "../../src/workflow/schedule/recurrence-set.ts";
import type { Suite } from "../conformance.ts";

interface Case {
  readonly comment: string;
  readonly rrule: string;
  readonly dtstart: string;
  readonly start_at?: string;
  readonly instances: readonly string[];
}

export async function* run(folder: string): AsyncIterable<Suite> {
  const problems: string[] = [];
  let passed = 0;
  for (const one of JSON.parse(readFileSync(join(folder, "rrule.json"), "utf8")) as readonly Case[]) {
    const difference = differenceOf(one);
    if (difference === undefined) passed++;
    else problems.push(`${one.comment} (${one.dtstart}, ${one.rrule}): ${difference}`);
  }
  yield await Promise.resolve({ suite: "rrule", passed, failed: problems.length, problems });
}

function differenceOf({ rrule, dtstart, start_at, instances }: Case): string | undefined {
  try {
    const { walls } = recurrenceSet(`DTSTART:${dtstart}\nRRULE:${rrule}`, "UTC");
    const all = instances.map(wallOf);
    const begin = start_at === undefined ? undefined : wallOf(start_at);
    return (
      difference(walls.from(wallOf(dtstart)), all) ??
      (begin === undefined
        ? undefined
        : difference(
            walls.from(begin),
            all.filter((wall) => wall >= begin),
          ))
    );
  } catch (error) {
    return String(error);
  }
}

function difference(walls: Iterable<number>, expected: readonly number[]): string | undefined {
  let index = 0;
  for (const wall of walls) {
    if (wall !== expected[index])
      return `instance ${index + 1} is ${text(wall)}, expected ${text(expected[index])}.`;
    index++;
  }
  return index === expected.length
    ? undefined
    : `there are ${index} instances, expected ${expected.length}, next ${text(expected[index])}.`;
}

function text(wall: number | undefined): string {
  return wall === undefined ? "none" : new Date(wall).toISOString();
}

function wallOf(time: string): number {
  const parsed = parseLocalTime(time);
  if (parsed === undefined) throw new Error(`'${time}' is no time.`);
  return parsed.wall;
}
