/** What runs again when a run is cut at a step: the step itself, and whatever depends on it. */
import type { Scope } from "../definition/workflow.ts";
import { graphOf } from "../admission/rank.ts";
import type { Frame, Framed } from "./frames.ts";

/** Of a settled or waiting step of the source: the how many-th it was asked for, by the path of each step around it. */
export type FirstAsked = ReadonlyMap<string, number>;

export class Cut {
  readonly #frames: readonly Frame[];
  readonly #asked: FirstAsked;
  readonly #descendants = new Map<Scope, ReadonlySet<string>>();

  constructor(cut: Framed, asked: FirstAsked) {
    this.#frames = cut.frames;
    this.#asked = asked;
  }

  /** The step of these frames runs again. */
  covers({ frames }: Framed): boolean {
    for (const [depth, cut] of this.#frames.entries()) {
      const frame = frames[depth];
      if (frame === undefined) return false; // it stands around the cut, and was not done as a whole
      if (frame.at !== cut.at) return this.#follows(frame, cut);
      const isLast = depth === this.#frames.length - 1;
      if (frame.index !== cut.index) return isLast && cut.index === undefined && !cut.isCaught;
      if (frame.isCaught !== cut.isCaught) return frame.isCaught;
      if (isLast) return true;
    }
    return false;
  }

  /** A step of the instance of a scope is done again, or something in it is. */
  touches(depth: number, prefix: string, name: string): boolean {
    const cut = this.#frames[depth];
    if (cut === undefined || cut.prefix !== prefix || cut.scope.start !== undefined) return false;
    return cut.name === name || this.#dependents(cut).has(name);
  }

  /** States of the instance of a scope that were visited before the cut, or may have been; undefined: all. */
  before({ scope, prefix }: Frame): ReadonlySet<string> | undefined {
    const cut = this.#frames.find((frame) => frame.prefix === prefix);
    if (cut === undefined || cut.at !== prefix + cut.name || scope.start === undefined) return undefined;
    return reached(scope, scope.start, cut.name);
  }

  /** Two steps of one scope. */
  #follows(frame: Frame, cut: Frame): boolean {
    if (cut.scope.start !== undefined)
      return (this.#asked.get(frame.at) ?? Infinity) > (this.#asked.get(cut.at) ?? -Infinity);
    return this.#dependents(cut).has(frame.name);
  }

  #dependents({ scope, name }: Frame): ReadonlySet<string> {
    const known = this.#descendants.get(scope);
    if (known !== undefined) return known;
    const found = dependentsOf(scope, [name]);
    this.#descendants.set(scope, found);
    return found;
  }
}

/** States on ways from one that do not go on at another. */
function reached(scope: Scope, start: string, end: string): ReadonlySet<string> {
  const { followers } = graphOf(scope);
  const found = new Set<string>([start]);
  found.delete(end);
  for (const name of found)
    for (const follower of followers.get(name) ?? []) if (follower !== end) found.add(follower);
  return found;
}

/** What needs one of the steps of a DAG, directly or not; without themselves. */
export function dependentsOf(scope: Scope, names: Iterable<string>): ReadonlySet<string> {
  const followers = new Map<string, string[]>();
  for (const [name, step] of Object.entries(scope.steps))
    for (const need of "needs" in step ? (step.needs ?? []) : []) {
      const list = followers.get(need);
      if (list === undefined) followers.set(need, [name]);
      else list.push(name);
    }
  const found = new Set<string>();
  const from = [...names];
  for (const name of from)
    for (const follower of followers.get(name) ?? [])
      if (!found.has(follower)) {
        found.add(follower);
        from.push(follower);
      }
  return found;
}
