/**
 * What an execution of a state machine is between two events, what can happen to it, and what it asks of the world.
 *
 * The state of an execution is a tree of threads: one for the machine, one for each running branch of a Parallel state or iteration of a
 * Map state.
 *
 *     thread:  (entered) -> running -> leaves by Next -> (entered) ... -> ended
 *                             |  ^
 *                             v  |   what it waits for arrives
 *                           waiting: task | timer | retry | items | children | results
 *
 * Invariants: a thread waits for one thing at most; every identifier of a command is `<thread>#<number>` and is used once, so an event
 * whose identifier its thread no longer waits for is late or repeated, and changes nothing. An execution can be copied by
 * structuredClone, so it can be stored.
 */
import type { Json } from "../../model/resource.ts";
import type { Chance } from "./chance.ts";
import type { MapRun } from "./map-run.ts";

/** Who an execution is, for the context object. */
export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly roleArn: string;
  readonly machineId: string;
  readonly machineName: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

export interface Item {
  readonly index: number;
  readonly value: Json;
}

/** The children of a Map or Parallel state. */
export interface Children {
  readonly kind: "children";
  /** The inputs: the items or batches of a Map; of a Parallel, one each branch. */
  readonly inputs: readonly Json[];
  /** The inputs are made already, so ItemSelector is done with. */
  readonly batched: boolean;
  readonly distributed: boolean;
  readonly concurrency: number;
  readonly toleratedCount: number;
  /** Percent. */
  readonly toleratedPercentage: number;
  /** What the state's ItemSelector sees. */
  readonly stateInput: Json;
  readonly running: Set<string>;
  readonly results: Map<number, Json>;
  next: number;
  failed: number;
}

/** The items of a Map that are being read. */
interface Reading {
  readonly kind: "items";
  readonly id: string;
  readonly stateInput: Json;
  readonly maxItems: number;
}

interface TaskWait {
  readonly kind: "task";
  readonly id: string;
  readonly timeout: string | undefined;
  /** Replaced at each heartbeat. */
  heartbeat: string | undefined;
  readonly heartbeatSeconds: number | undefined;
}

export type Waiting =
  | TaskWait
  | Children
  | Reading
  | { readonly kind: "timer"; readonly id: string }
  | { readonly kind: "retry"; readonly id: string }
  | { readonly kind: "results"; readonly id: string };

export interface Thread {
  readonly id: string;
  readonly parent: { readonly id: string; readonly index: number } | undefined;
  /** Where the machine it runs is: the names and indexes from the top. */
  readonly machine: readonly (string | number)[];
  /** Inside a distributed Map, whose iterations have histories of their own. */
  readonly hidden: boolean;
  readonly item: Item | undefined;
  /** Never changed, only replaced: children share their parent's. */
  variables: Readonly<Record<string, Json>>;
  state: string;
  input: Json;
  enteredAt: number;
  /** Attempts used up, by Retrier. */
  retries: number[];
  retryCount: number;
  waiting: Waiting | undefined;
}

/** What is to be done next, in order. */
export type Work =
  | { readonly kind: "enter"; readonly thread: string; readonly state: string; readonly input: Json }
  | { readonly kind: "run"; readonly thread: string }
  | { readonly kind: "ended"; readonly thread: string; readonly outcome: Outcome };

export type Outcome =
  | { readonly output: Json }
  | { readonly error: string | undefined; readonly cause: string | undefined };

export type Status = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

export interface Execution {
  readonly identity: Identity;
  readonly input: Json;
  readonly chance: Chance;
  readonly threads: Map<string, Thread>;
  readonly mapRuns: MapRun[];
  status: Status;
  output: Json | undefined;
  error: string | undefined;
  cause: string | undefined;
  /** Of what the last step left undone. */
  work: Work[];
  sequence: number;
  /** The timer of the machine's TimeoutSeconds. */
  timeout: string | undefined;
  /** Of a single state under test: how it ended, where the execution would go on. */
  single: SingleState | undefined;
}

export interface SingleState {
  /** A copy of the context object given for the test. */
  readonly context: Json | undefined;
  readonly retryCount: number;
  ended: "RETRIABLE" | "CAUGHT_ERROR" | undefined;
  nextState: string | undefined;
}

interface At {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export type Event = At &
  (
    | { readonly type: "started" | "continued" | "aborted" }
    /** The execution itself cannot go on. */
    | { readonly type: "exhausted"; readonly error: string; readonly cause: string }
    | {
        readonly type: "timer-fired" | "task-started" | "task-submitted" | "task-heartbeat";
        readonly id: string;
      }
    | { readonly type: "task-succeeded" | "results-written"; readonly id: string; readonly output: Json }
    | { readonly type: "items-read"; readonly id: string; readonly items: readonly Json[] }
    | {
        readonly type: "task-failed" | "items-failed" | "results-failed";
        readonly id: string;
        readonly error: string | undefined;
        readonly cause: string | undefined;
      }
  );

export type Command =
  | {
      readonly type: "run-task";
      /** Also the task token. */
      readonly id: string;
      readonly state: string;
      readonly stateInput: Json;
      readonly resource: string;
      readonly arguments: Json;
      readonly credentials: Json | undefined;
      /** Attempts before this one. */
      readonly retryCount: number;
    }
  | { readonly type: "cancel-task" | "cancel-timer"; readonly id: string }
  /** `bounds`: the task whose TimeoutSeconds it is. */
  | {
      readonly type: "start-timer";
      readonly id: string;
      readonly at: number;
      readonly bounds?: { readonly task: string; readonly seconds: number };
    }
  | {
      readonly type: "read-items";
      readonly id: string;
      readonly resource: string;
      readonly arguments: Json;
      readonly config: Json;
    }
  | {
      readonly type: "write-results";
      readonly id: string;
      readonly resource: string;
      readonly arguments: Json;
      readonly results: Json;
    }
  /** The step did as much as one step may: send `continued`. */
  | { readonly type: "continue" };

/** One record of an execution's history, as the service names them. */
export interface TraceRecord {
  readonly type: string;
  readonly state?: string;
  /** The input of a state entered, the output of one left. */
  readonly value?: Json;
  /** Whose record it is; of a thread's first, the thread it came from is looked at. Absent: the execution's. */
  readonly thread?: string;
  readonly parent?: string;
  /** What else is known, by the service's names. */
  readonly details?: Readonly<Record<string, Json | undefined>>;
}
