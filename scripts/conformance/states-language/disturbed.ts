/**
 * Recorded cases under disturbance: killed at every record of the journal, and with answers in random orders. How a case ends must
 * not depend on it.
 */
import { isDeepStrictEqual } from "node:util";
import { ManualClock } from "../../../src/clock/manual.ts";
import type { StateMachine } from "../../../src/dialects/states-language/definition.ts";
import { parametersOf } from "../../../src/dialects/states-language/engine/drive.ts";
import type { Definition } from "../../../src/workflow/definition/definition.ts";
import { DyingJournal } from "../../../src/workflow/engine/fixtures/virtual.ts";
import { MemoryJournal } from "../../../src/workflow/journal/memory.ts";
import type { Verdict } from "../../../src/workflow/run/events.ts";
import type { Json } from "../../../src/model/resource.ts";
import {
  Outside,
  POOL,
  RUN,
  START,
  definitionOf,
  elapse,
  endedAs,
  openOn,
  runOnEngine,
} from "./on-engine.ts";
import type { World } from "./world.ts";

export interface Subject {
  readonly id: string;
  readonly machine: StateMachine;
  readonly input: Json;
  readonly world: World;
}

interface Undisturbed {
  readonly verdict: Verdict;
  readonly appends: number;
}

/** Of an answer, milliseconds: a step that is done at once is one record, and nothing can happen in between. */
const LATENCY = 5;

/** Counts appends: the places where a process can die. */
class CountingJournal extends MemoryJournal {
  appends = 0;

  override append(...given: Parameters<MemoryJournal["append"]>): Promise<void> {
    this.appends++;
    return super.append(...given);
  }
}

async function undisturbed({ input, world }: Subject, definition: Definition): Promise<Undisturbed> {
  const journal = new CountingJournal();
  const clock = new ManualClock(START);
  const engine = await openOn(journal, definition, new Outside(world, () => LATENCY), clock);
  await engine.start({ definition, id: RUN, input: parametersOf(input) });
  return { verdict: await elapse(clock, engine.result(RUN)), appends: journal.appends };
}

/** Killed once at each append, and gone on with by a new engine. What is wrong, one sentence each. */
export async function problemsOfKills(
  subject: Subject,
): Promise<{ readonly kills: number; readonly problems: readonly string[] }> {
  const definition = definitionOf(subject.machine);
  const expected = await undisturbed(subject, definition);
  const problems: string[] = [];
  for (let appends = 1; appends < expected.appends; appends++)
    problems.push(...(await killedAt(subject, definition, appends, expected.verdict)));
  return { kills: expected.appends - 1, problems };
}

async function killedAt(
  { id, input, world }: Subject,
  definition: Definition,
  appends: number,
  expected: Verdict,
): Promise<readonly string[]> {
  const journal = new MemoryJournal();
  const dying = new DyingJournal(journal, appends);
  const outside = new Outside(world, () => LATENCY);
  const clock = new ManualClock(START);
  const first = await openOn(dying, definition, outside, clock);
  const running = first
    .start({ definition, id: RUN, input: parametersOf(input) })
    .then(() => first.result(RUN));
  await elapse(clock, Promise.race([running, dying.died.promise]));
  const later = new ManualClock(clock.now());
  const second = await openOn(journal, definition, outside, later);
  await second.start({ definition, id: RUN, input: parametersOf(input) });
  await outside.sendAgain();
  const verdict = await elapse(later, second.result(RUN));
  const where = `${id}, killed at record ${appends}`;
  const problems = await problemsOfJournal(journal, where);
  if (!isDeepStrictEqual(endedAs(verdict), endedAs(expected)))
    problems.push(`${where}: ended ${JSON.stringify(verdict)}, not ${JSON.stringify(expected)}.`);
  if (second.held(POOL) !== 0) problems.push(`${where}: ${second.held(POOL)} slots are held for ever.`);
  return problems;
}

async function problemsOfJournal(journal: MemoryJournal, where: string): Promise<string[]> {
  const settled = new Set<string>();
  const problems: string[] = [];
  for await (const event of journal.read(RUN)) {
    const isResult =
      event.type === "StepSucceeded" || (event.type === "StepFailed" && event.retryAt === undefined);
    if (!isResult) continue;
    if (settled.has(event.step)) problems.push(`${where}: the step '${event.step}' is recorded twice.`);
    settled.add(event.step);
  }
  return problems;
}

/** Answers come after random times, in as many orders as asked for. */
export async function problemsOfOrders(subject: Subject, orders: number): Promise<readonly string[]> {
  const { id, machine, input, world } = subject;
  const { trace: _, ...expected } = await runOnEngine(machine, input, world);
  const problems: string[] = [];
  for (let seed = 1; seed <= orders; seed++) {
    const chance = new ManualClock(0, seed);
    const { trace: __, ...ended } = await runOnEngine(machine, input, world, () =>
      Math.floor(chance.random() * LATEST),
    );
    if (!isDeepStrictEqual(ended, expected))
      problems.push(`${id}, order ${seed}: ended ${JSON.stringify(ended)}, not ${JSON.stringify(expected)}.`);
  }
  return problems;
}

/** Milliseconds: shorter than any time limit of a state. */
const LATEST = 900;
