/**
 * Recurrence rules with all their instances: `rrule.json` in the folder. With `start_at`, a search begun there must also
 * give exactly those that are left.
 */
import { z } from "zod";
import { parseLocalTime } from "../../src/workflow/schedule/local-time.ts";
import { recurrenceSet } from "../../src/workflow/schedule/recurrence-set.ts";
import type { Suite } from "../conformance.ts";
import { fileIn, readJson } from "./corpus/read.ts";

interface Case {
  readonly comment: string;
  readonly rrule: string;
  readonly dtstart: string;
  readonly start_at?: string;
  /** An object where the recorder could not expand the rule: there is nothing to compare. */
  readonly instances: readonly string[] | { readonly error: string };
}

const shape = z
  .array(
    z.looseObject({
      comment: z.string().default(""),
      rrule: z.string(),
      dtstart: z.string(),
      start_at: z.string().optional(),
      instances: z.union([z.array(z.string()), z.looseObject({ error: z.string() })]),
    }),
  )
  .min(1);

export async function* run(path: string): AsyncIterable<Suite> {
  const cases: readonly Case[] = readJson(fileIn(path, "rrule.json"), shape).map(({ start_at, ...one }) =>
    start_at === undefined ? one : { ...one, start_at },
  );
  yield await Promise.resolve(
    suiteOf(
      "rrule",
      cases.filter(({ instances }) => isList(instances)),
    ),
  );
  const others = cases.filter(({ instances }) => !isList(instances));
  if (others.length > 0) yield suiteOf("rrule without recorded instances: ends, without an error", others);
}

function suiteOf(suite: string, cases: readonly Case[]): Suite {
  const problems = cases.flatMap((one) => {
    const difference = differenceOf(one);
    return difference === undefined ? [] : [`${one.comment} (${one.dtstart}, ${one.rrule}): ${difference}`];
  });
  return { suite, passed: cases.length - problems.length, failed: problems.length, problems };
}

function isList(instances: Case["instances"]): instances is readonly string[] {
  return Array.isArray(instances);
}

function differenceOf({ rrule, dtstart, start_at, instances }: Case): string | undefined {
  try {
    const { walls } = recurrenceSet(`DTSTART:${dtstart}\nRRULE:${rrule}`, "UTC");
    if (!isList(instances)) {
      for (const _ of walls.from(wallOf(dtstart)));
      return undefined;
    }
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
