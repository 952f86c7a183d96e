/**
 * A path of the interpreter, taken apart along its definition: one frame for each scope that it goes through.
 *
 *     fan[3].poll#2!catch.fix  ->  fan, item 3 | poll, second visit, caught | fix
 */
import type { Scope, Step } from "../definition/workflow.ts";

export interface Frame {
  readonly scope: Scope;
  readonly name: string;
  readonly step: Step;
  /** Of a map or parallel. */
  readonly index: number | undefined;
  readonly isCaught: boolean;
  /** The path up to the scope, and to the step with its visit: one instance of each. */
  readonly prefix: string;
  readonly at: string;
}

export interface Framed {
  /** Outermost first. */
  readonly frames: readonly Frame[];
  /** It stands in a finally, or undoes a step. */
  readonly isCleanup: boolean;
}

const SEGMENT = /^([\w-]+)(?:#(\d+))?(?:\[(\d+)\])?(!catch|!compensate)?(?:\.|$)/;

/** Undefined when the definition has no such step. */
export function framesOf(workflow: Scope, path: string): Framed | undefined {
  const frames: Frame[] = [];
  let scopes: readonly Scope[] = [workflow];
  let rest = path;
  while (rest !== "") {
    if (rest.startsWith("!finally.")) return { frames, isCleanup: true };
    const match = SEGMENT.exec(rest);
    if (match === null) return undefined;
    const [all, name = "", , index, mark] = match;
    const scope = scopes.find(({ steps }) => Object.hasOwn(steps, name));
    if (scope === undefined) return undefined;
    const prefix = path.slice(0, path.length - rest.length);
    const step = scope.steps[name] as Step;
    const frame: Frame = {
      scope,
      name,
      step,
      index: index === undefined ? undefined : Number(index),
      isCaught: mark === "!catch",
      prefix,
      at: prefix + (/^[\w-]+(?:#\d+)?/.exec(rest)?.[0] ?? ""),
    };
    frames.push(frame);
    if (mark === "!compensate") return { frames, isCleanup: true };
    scopes = scopesWithin(frame);
    rest = rest.slice(all.length);
  }
  return { frames, isCleanup: false };
}

function scopesWithin({ step, index, isCaught }: Frame): readonly Scope[] {
  if (isCaught) return "catch" in step ? (step.catch ?? []).flatMap(({ do: scope }) => scope ?? []) : [];
  if (step.type === "map") return [step.body];
  if (step.type === "wait" && step.token !== undefined) return [step.token];
  const branch = step.type === "parallel" && index !== undefined ? step.branches[index] : undefined;
  return branch === undefined ? [] : [branch];
}
