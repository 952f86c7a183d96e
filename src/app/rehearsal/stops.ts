/** Where a rehearsal stopped, what that holds up, and which way was the longest. Pure. */
import type { Stop, Stretch } from "../../cli/rehearsal.ts";
import type { Step } from "../../planner/plan.ts";
import type { Course } from "./timeline.ts";

export interface Standstill {
  /** In the order of the plan. */
  readonly steps: readonly Step[];
  readonly courses: ReadonlyMap<string, Course>;
  /** Milliseconds since the beginning. */
  readonly since: (time: number) => number;
}

/** Of everything that is not done: what is stuck by itself, with all that waits for it. */
export function stopsOf({ steps, courses, since }: Standstill): readonly Stop[] {
  const open = steps.filter(
    (step) => step.action !== "none" && courses.get(step.address)?.ended === undefined,
  );
  const held = new Map<string, Set<string>>();
  const roots: { readonly at: number; readonly address: string; readonly why: string }[] = [];
  // The plan has each after what it needs, so what holds it up is known by then.
  for (const { address, after } of open) {
    const course = courses.get(address);
    const trouble = troubleOf(course);
    const holders = new Set(after.flatMap((before) => [...(held.get(before) ?? [])]));
    if (trouble !== undefined) {
      roots.push({ ...trouble, at: since(trouble.at), address });
      held.set(address, new Set([address]));
    } else held.set(address, holders);
  }
  return roots
    .toSorted((a, b) => a.at - b.at)
    .map((root) => ({
      ...root,
      holdsUp: open
        .map(({ address }) => address)
        .filter((address) => address !== root.address && held.get(address)?.has(root.address) === true),
    }));
}

function troubleOf(course: Course | undefined): { readonly at: number; readonly why: string } | undefined {
  if (course?.trouble !== undefined) return { at: course.trouble.at, why: course.trouble.why };
  if (course?.hungSince !== undefined) return { at: course.hungSince, why: "Its provider never answers." };
  return undefined;
}

/** From the last thing that got done back over what each had to wait for, the latest of them. */
export function criticalPathOf({ steps, courses, since }: Standstill): readonly Stretch[] {
  const after = new Map(steps.map((step) => [step.address, step.after]));
  const end = (address: string): number => courses.get(address)?.ended ?? -Infinity;
  const last = (addresses: Iterable<string>): string | undefined => {
    let found: string | undefined;
    for (const address of addresses)
      if (end(address) > (found === undefined ? -Infinity : end(found))) found = address;
    return found;
  };
  const path: Stretch[] = [];
  const seen = new Set<string>();
  for (let at = last(courses.keys()); at !== undefined && !seen.has(at); at = last(after.get(at) ?? [])) {
    seen.add(at);
    const { began, ended = 0 } = courses.get(at) as Course;
    path.unshift({ address: at, from: since(began ?? ended), until: since(ended) });
  }
  return path.filter(({ from, until }) => until > 0 || from > 0);
}

/** The most intervals that overlap; those without an end last for ever. */
export function mostAtOnce(intervals: readonly (readonly [number, number | undefined])[]): number {
  const marks = intervals.flatMap(([from, until]): [number, number][] =>
    until === from ? [] : [[from, 1], ...(until === undefined ? [] : [[until, -1] as [number, number]])],
  );
  marks.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let most = 0;
  for (const [, change] of marks) most = Math.max(most, (now += change));
  return most;
}
