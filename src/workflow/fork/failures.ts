/** Of the failed steps of a run, those that nobody caught and no map tolerated: what made it fail. */
import { matches } from "../run/failure.ts";
import type { StepState } from "../run/state.ts";
import type { Frame, Framed } from "./frames.ts";

export interface FailedStep extends Framed {
  readonly path: string;
  readonly state: StepState;
}

/** `items`: how many the maps at paths had, as far as they left a record. */
export function uncaught(
  failures: readonly FailedStep[],
  items: ReadonlyMap<string, number>,
): readonly FailedStep[] {
  const open = failures.filter((one) => one.state.failure !== undefined && !isCaught(one));
  const perMap = new Map<string, Set<number>>();
  for (const { frames } of open)
    for (const { at, index } of frames)
      if (index !== undefined) perMap.set(at, (perMap.get(at) ?? new Set()).add(index));
  return open.filter(
    ({ frames }) =>
      !frames.some((frame) => isTolerated(frame, perMap.get(frame.at)?.size ?? 0, items.get(frame.at) ?? 0)),
  );
}

function isCaught({ frames, state }: FailedStep): boolean {
  return frames.some(
    ({ step, isCaught: isWithin }) =>
      !isWithin &&
      "catch" in step &&
      state.failure !== undefined &&
      (step.catch ?? []).some(({ errors }) => state.failure !== undefined && matches(state.failure, errors)),
  );
}

function isTolerated({ step, index }: Frame, failed: number, items: number): boolean {
  if (step.type !== "map" || index === undefined) return false;
  const { tolerated, toleratedPercentage: share } = step;
  if (tolerated === undefined && share === undefined) return false;
  return failed <= (tolerated ?? Infinity) && failed * 100 <= (share ?? 100) * items;
}
