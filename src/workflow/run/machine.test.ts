/**
 * A model check: every state that a small instance can reach, through every order of commands, crashes, late and repeated
 * reports, is visited (breadth first, states compared by content), and the invariants of machine.ts hold in each.
 *
 * The instance: one run; steps `a` (two attempts, two losses) and `b` (one each) that want the only slot of a pool at the same
 * time; `tidy`, the clean-up of a stopping run; workers that crash, answer late and answer twice. Time has two values: before
 * and after every deadline.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { type RunEvent, type Verdict, failed } from "./events.ts";
import { type Circumstances, type Command, type Refusal, decide } from "./machine.ts";
import { Slots } from "./slots.ts";
import { type RunState, apply, emptyRun, isEnded, isOwned, isSettled, noSteps } from "./state.ts";

const LATER = 1_000;
const POOL = "pool";

/** What a worker believes: it goes on working when its lease is gone, and tells twice. */
type Beliefs = readonly { readonly step: string; readonly epoch: number }[];

interface World {
  readonly run: RunState;
  readonly beliefs: Beliefs;
}

interface Move {
  readonly command: Command;
  readonly from: World;
  readonly to: World;
  readonly events: readonly RunEvent[];
}

const copy = (run: RunState): RunState => ({
  ...run,
  counts: { ...run.counts },
  signals: new Map(),
  taken: new Set(),
  steps: new Map([...run.steps].map(([path, step]) => [path, { ...step }])),
});
const nameOf = ({ run, beliefs }: World): string =>
  JSON.stringify([
    { ...run, steps: [...run.steps].toSorted(([one], [other]) => (one < other ? -1 : 1)) },
    beliefs,
  ]);
/** Times and order say nothing about what may happen. */
function timeless(run: RunState): void {
  run.endedAt = 0;
  run.settled = 0;
  for (const step of run.steps.values()) Object.assign(step, { at: 0, order: 0 });
}
const slotsHeld = (run: RunState): number =>
  [...run.steps.values()].filter((step) => step.pool === POOL && isOwned(step)).length;

function around(run: RunState, now: number, path: string): Circumstances {
  return {
    now,
    seed: "run",
    retry: (step) =>
      step === "a" ? [{ errors: ["*"], attempts: 2, interval: 0, rate: 1, maximum: 0, jitter: false }] : [],
    mostLosses: path === "a" ? 2 : 1,
    isSlotFree: ({ pool }) => pool === undefined || slotsHeld(run) < 1,
  };
}

/** What the follower of the definition would do, and everything that workers, people and time may do. */
function commands({ run, beliefs }: World): readonly Command[] {
  const found: Command[] = [
    { do: "start" },
    { do: "pause" },
    { do: "resume" },
    { do: "cancel", reason: "", deadline: LATER },
    { do: "abandon" },
    { do: "queue", step: "a", pool: POOL },
    { do: "queue", step: "b", pool: POOL },
    { do: "reuse", step: "b", result: 7, of: { run: "n/other", path: "b", at: 0 } },
    { do: "timeout", step: "a", limit: "attempt" },
    { do: "timeout", step: "a", limit: "total" },
    { do: "timeout", step: "b", limit: "queue" },
  ];
  const phases = ["a", "b"].map((step) => run.steps.get(step)?.phase);
  const verdict: Verdict = phases.every((phase) => phase === "succeeded")
    ? { is: "succeeded", output: 1 }
    : { is: "failed", failure: failed("Terminal", "Broken", "") };
  if (run.phase === "stopping") found.push({ do: "queue", step: "tidy", cleanup: true });
  if (run.phase === "stopping" ? run.steps.has("tidy") : !phases.includes(undefined))
    found.push({ do: "finish", verdict });
  for (const step of ["a", "b", "tidy"])
    found.push(
      { do: "claim", step, worker: "w", until: LATER },
      { do: "expire", step },
      { do: "expire", step, atOnce: true },
      { do: "due", step },
    );
  for (const { step, epoch } of beliefs) {
    found.push({ do: "begin", step, epoch });
    found.push({ do: "report", step, epoch, outcome: { is: "succeeded", result: epoch } });
    found.push({
      do: "report",
      step,
      epoch,
      outcome: { is: "failed", failure: failed("Retryable", "Error", "") },
    });
  }
  return found;
}

const refusals = new Map<Refusal, number>();

/** Expiry and deadlines are met later; times themselves are left out of the state, for they say nothing about what may happen. */
function step(world: World, command: Command): Move | undefined {
  const late = command.do === "expire" || command.do === "abandon";
  const run = copy(world.run);
  const decision = decide(run, command, around(run, late ? LATER : 0, "step" in command ? command.step : ""));
  if ("refused" in decision) {
    refusals.set(decision.refused, (refusals.get(decision.refused) ?? 0) + 1);
    return undefined;
  }
  let { beliefs } = world;
  for (const event of decision.events) {
    apply(run, event);
    if (event.type === "StepClaimed") {
      const known = beliefs.filter((one) => one.step !== event.step || one.epoch >= event.epoch - 1);
      beliefs = [...known, { step: event.step, epoch: event.epoch }].toSorted(
        (one, other) => one.step.localeCompare(other.step) || one.epoch - other.epoch,
      );
    }
  }
  timeless(run);
  return { command, from: world, to: { run, beliefs }, events: decision.events };
}

const worlds = new Map<string, World>();
const moves = new Map<string, Move[]>();
const before = new Map<string, Set<string>>();

beforeAll(() => {
  const first: World = { run: emptyRun(), beliefs: [] };
  worlds.set(nameOf(first), first);
  for (const [name, world] of worlds) {
    const out: Move[] = [];
    for (const command of commands(world)) {
      const move = step(world, command);
      if (move === undefined) continue;
      out.push(move);
      const to = nameOf(move.to);
      if (!worlds.has(to)) worlds.set(to, move.to);
      before.set(to, (before.get(to) ?? new Set()).add(name));
    }
    moves.set(name, out);
  }
});

const all = (): readonly Move[] => [...moves.values()].flat();

describe("in every state that the run, step and slot machines can reach", () => {
  it("there is something to see: thousands of states, all ends, and every kind of refusal", () => {
    expect(worlds.size).toBeGreaterThan(1_000);
    const phases = new Set([...worlds.values()].map(({ run }) => run.phase));
    expect([...phases].toSorted()).toEqual([
      "cancelled",
      "failed",
      "paused",
      "queued",
      "running",
      "stopping",
      "succeeded",
    ]);
    const steps = new Set(
      [...worlds.values()].flatMap(({ run }) => [...run.steps.values()].map((one) => one.phase)),
    );
    expect(steps.size).toBe(8);
    expect([...refusals.keys()].toSorted()).toEqual(
      [
        "AlreadyQueued",
        "AlreadyRecorded",
        "NoFreeSlot",
        "NoSuchStep",
        "NotNow",
        "RunEnded",
        "StaleEpoch",
        "StepsOpen",
      ].toSorted(),
    );
  });

  it("a recorded result stays what it is, and no second is recorded", () => {
    for (const { from, to, events } of all())
      for (const [path, one] of from.run.steps) {
        if (!isSettled(one)) continue;
        expect(to.run.steps.get(path)).toEqual(one);
        expect(events.some((event) => "step" in event && event.step === path)).toBe(false);
      }
  });

  it("nobody records anything with an epoch that is not the newest, or after losing the step", () => {
    for (const { command, from } of all()) {
      if (command.do !== "report" && command.do !== "begin") continue;
      const one = from.run.steps.get(command.step);
      expect(one?.epoch).toBe(command.epoch);
      expect(one !== undefined && isOwned(one)).toBe(true);
    }
  });

  it("a run that is over stays so, and one that stops never runs again", () => {
    for (const { from, to } of all()) {
      expect(isEnded(from.run)).toBe(false);
      if (from.run.phase === "stopping") {
        expect(["stopping", from.run.verdict?.is]).toContain(to.run.phase);
        expect(to.run.verdict).toEqual(from.run.verdict);
      }
    }
  });

  it("no step of a stopping run is claimed or tried again, but its clean-up", () => {
    for (const { from, events } of all())
      if (from.run.phase === "stopping")
        for (const event of events)
          if (
            event.type === "StepClaimed" ||
            event.type === "StepQueued" ||
            (event.type === "StepFailed" && event.retryAt !== undefined)
          )
            expect(event.step).toBe("tidy");
  });

  it("nothing is claimed in a paused run", () => {
    for (const { command, from } of all())
      if (from.run.phase === "paused") expect(command.do).not.toBe("claim");
  });

  it("no more slots are held than there are, an ended run holds none, and the count never differs from the owners", () => {
    for (const { run } of worlds.values()) {
      expect(slotsHeld(run)).toBeLessThanOrEqual(1);
      if (isEnded(run)) expect([...run.steps.values()].every(isSettled)).toBe(true);
    }
    for (const { from, events } of all()) {
      const run = copy(from.run);
      let held = 0;
      const count = (change: number) => (holding: { readonly pool?: string | undefined }) => {
        if (holding.pool === POOL) held += change;
      };
      const slots = new Slots({ took: count(1), gave: count(-1) }, "a/run", run);
      expect(held).toBe(slotsHeld(run));
      for (const event of events) slots.apply(event);
      expect(held).toBe(slotsHeld(run));
    }
  });

  it("an end can be reached without any worker ever answering again", () => {
    const ends = [...worlds].filter(([, { run }]) => isEnded(run)).map(([name]) => name);
    const hopeful = new Set(ends);
    for (const name of hopeful)
      for (const earlier of before.get(name) ?? [])
        if (!hopeful.has(earlier)) {
          const silent = (moves.get(earlier) ?? []).some(
            (move) =>
              move.command.do !== "report" && move.command.do !== "begin" && hopeful.has(nameOf(move.to)),
          );
          if (silent) hopeful.add(earlier);
        }
    expect(hopeful.size).toBe(worlds.size);
  });

  it("every attempt that was lost with its machine was free of the budget", () => {
    for (const { command, from, to } of all())
      if (command.do === "expire") {
        const counted = from.run.steps.get(command.step)?.counted;
        expect(to.run.steps.get(command.step)?.counted).toBe(counted);
      }
    for (const { run } of worlds.values())
      for (const one of run.steps.values()) {
        expect(one.counted).toBeLessThanOrEqual(2);
        expect(one.lost).toBeLessThanOrEqual(2);
      }
  });

  it("the counts are those of the steps", () => {
    for (const { run } of worlds.values()) {
      const counts = noSteps();
      for (const { phase } of run.steps.values()) counts[phase]++;
      expect(run.counts).toEqual(counts);
    }
  });

  it("the fold ignores whatever does not fit: each event twice is each event once", () => {
    for (const { to, events } of all()) {
      const run = copy(to.run);
      for (const event of events)
        if (event.type !== "StepQueued" && event.type !== "StepFailed") apply(run, event);
      timeless(run);
      expect({ ...run, steps: [...run.steps] }).toEqual({ ...to.run, steps: [...to.run.steps] });
    }
  });
});
