/** Runs an execution in virtual time: timers fire in order without waiting, tasks answer what was recorded. */
import type {
  Command,
  Event,
  Execution,
  TraceRecord,
} from "../../../src/dialects/states-language/execution.ts";
import { newExecution, step } from "../../../src/dialects/states-language/interpreter.ts";
import { StatesError } from "../../../src/dialects/states-language/states-error.ts";
import type { StateMachine } from "../../../src/dialects/states-language/definition.ts";
import type { Occurrence } from "../../../src/dialects/states-language/engine/phases.ts";
import type { Json } from "../../../src/model/resource.ts";
import { type RecordedTask, type World, answer, causeText, read } from "./world.ts";

export interface Replayed {
  readonly execution: Execution;
  readonly trace: readonly TraceRecord[];
}

const START = Date.parse("2026-11-20T11:15:30Z");
const MAX_EVENTS = 100_000;

export function identity(name = "execution"): Execution["identity"] {
  const arn = "arn:aws:states:us-east-1:111111111111";
  return {
    id: `${arn}:execution:machine:${name}`,
    name,
    roleArn: "arn:aws:iam::111111111111:role/role",
    machineId: `${arn}:stateMachine:machine`,
    machineName: "machine",
    startedAt: START,
  };
}

export async function replay(machine: StateMachine, input: Json, world: World): Promise<Replayed> {
  return drive(machine, newExecution(input, identity(), 1), world);
}

async function drive(machine: StateMachine, execution: Execution, world: World): Promise<Replayed> {
  const trace: TraceRecord[] = [];
  const simulation = new Simulation(world);
  for (let count = 0; execution.status === "RUNNING"; count++) {
    if (count > MAX_EVENTS) throw new Error("The execution does not end.");
    const [first, ...together] = simulation.next().map((one) => ({ ...one, at: simulation.now }) as Event);
    if (first === undefined) throw new Error("The execution waits for nothing.");
    const done = await step(machine, execution, first, together);
    trace.push(...done.trace);
    for (const command of done.commands) simulation.obey(command);
  }
  return { execution, trace };
}

/** The world in virtual time: what happens at once in order, then the timers. */
class Simulation {
  readonly #world: World;
  readonly #left: RecordedTask[];
  readonly #timers = new Map<string, number>();
  readonly #queue: Occurrence[] = [{ type: "started" }];
  #submissions: number;
  now = START;

  constructor(world: World) {
    this.#world = world;
    this.#left = [...world.tasks];
    this.#submissions = world.submitted;
  }

  /** One thing that is due, or all timers that are due at the next time. */
  next(): Occurrence[] {
    const event = this.#queue.shift();
    if (event !== undefined) return [event];
    if (this.#world.stops) return [{ type: "aborted" }];
    const next = Math.min(...this.#timers.values());
    const due = [...this.#timers].filter(([, at]) => at === next).map(([id]) => id);
    for (const id of due) this.#timers.delete(id);
    if (due.length > 0) this.now = Math.max(this.now, next);
    return due.map((id) => ({ type: "timer-fired", id }));
  }

  obey(command: Command): void {
    switch (command.type) {
      case "start-timer":
        this.#timers.set(command.id, command.at);
        break;
      case "cancel-timer":
        this.#timers.delete(command.id);
        break;
      case "continue":
        this.#queue.push({ type: "continued" });
        break;
      case "read-items":
        this.#queue.push(readItems(command, this.#world));
        break;
      case "write-results":
        this.#queue.push({ type: "results-written", id: command.id, output: command.results });
        break;
      case "run-task":
        this.#queue.push(...perform(command, this.#left, this.#world, this.#isSubmitted(command.resource)));
        break;
      case "cancel-task":
        break;
    }
  }

  #isSubmitted(resource: string): boolean {
    return /\.(?:sync(?::2)?|waitForTaskToken)$/.test(resource) && this.#submissions-- > 0;
  }
}

function perform(
  command: Extract<Command, { type: "run-task" }>,
  left: RecordedTask[],
  world: World,
  isSubmitted: boolean,
): Occurrence[] {
  const { id } = command;
  const events: Occurrence[] = [{ type: "task-started", id }];
  if (isSubmitted) events.push({ type: "task-submitted", id });
  const outcome = answer(command, left, world);
  if (outcome.timed_out === true) return events;
  if (outcome.output !== undefined) events.push({ type: "task-succeeded", id, output: outcome.output });
  else events.push({ type: "task-failed", id, error: outcome.error, cause: causeText(outcome) });
  return events;
}

function readItems(command: Extract<Command, { type: "read-items" }>, world: World): Occurrence {
  const { id } = command;
  try {
    const items = read(command, world);
    if (items === undefined) throw new StatesError("States.ItemReaderFailed", "There is no such object.");
    return { type: "items-read", id, items };
  } catch (error) {
    if (!(error instanceof StatesError)) throw error;
    return { type: "items-failed", id, error: error.error, cause: error.explanation };
  }
}
