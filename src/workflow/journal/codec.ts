/**
 * Events as the text of one append: a JSON list. A step that was queued, claimed, begun and done at once is one entry in it,
 * `[path, when it was begun, when it was done, result]`, in place of its four events.
 */
import type { RunEvent } from "../run/events.ts";

type AtOnce = readonly [step: string, begun: number, done: number, result: unknown];

const WORKER = "engine";

export function textOf(events: readonly RunEvent[]): string {
  const entries: (RunEvent | AtOnce)[] = [];
  for (let index = 0; index < events.length; index++) {
    const atOnce = atOnceOf(events, index);
    entries.push(atOnce ?? (events[index] as RunEvent));
    if (atOnce !== undefined) index += 3;
  }
  return JSON.stringify(entries);
}

export function eventsOf(text: string): readonly RunEvent[] {
  const entries = JSON.parse(text) as readonly (RunEvent | AtOnce)[];
  return entries.flatMap((entry) => ("type" in entry ? [entry] : fourOf(entry)));
}

function fourOf([step, begun, done, result]: AtOnce): readonly RunEvent[] {
  return [
    { type: "StepQueued", step, at: begun },
    { type: "StepClaimed", step, worker: WORKER, epoch: 1, until: 0, at: begun },
    { type: "StepStarted", step, epoch: 1, at: begun },
    { type: "StepSucceeded", step, epoch: 1, result, at: done },
  ];
}

/** What is undefined when these four are anything but what `fourOf` gives back. */
function atOnceOf(events: readonly RunEvent[], index: number): AtOnce | undefined {
  const queued = events[index];
  const done = events[index + 3];
  if (queued?.type !== "StepQueued" || done?.type !== "StepSucceeded") return undefined;
  if (!isPlain(queued) || done.step !== queued.step || done.epoch !== 1) return undefined;
  if (done.blob !== undefined || done.of !== undefined || done.result === undefined) return undefined;
  if (!isBegin(events[index + 1], events[index + 2], queued)) return undefined;
  return [queued.step, queued.at, done.at, done.result];
}

function isPlain(queued: Extract<RunEvent, { readonly type: "StepQueued" }>): boolean {
  const { pool, cleanup, idle, asked } = queued;
  return pool === undefined && cleanup === undefined && idle === undefined && asked === undefined;
}

function isBegin(
  claimed: RunEvent | undefined,
  started: RunEvent | undefined,
  { step, at }: Extract<RunEvent, { readonly type: "StepQueued" }>,
): boolean {
  if (claimed?.type !== "StepClaimed" || started?.type !== "StepStarted") return false;
  if (claimed.step !== step || started.step !== step || claimed.at !== at || started.at !== at) return false;
  return claimed.worker === WORKER && claimed.epoch === 1 && claimed.until === 0 && started.epoch === 1;
}
