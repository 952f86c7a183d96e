/**
 * What control plane and worker say to each other.
 *
 *     control plane ──attempt, stop, forget, program, settled──> thread (handlers)
 *                   <─succeeded, failed, heartbeat, log, call, ended, offer, problem──
 *                   ──restart, end──> the worker's main thread, which owns the connection
 *                   <─alive, gone, draining──
 *
 * A frame is one text: `NUMBER ACKNOWLEDGED TARGET[message, ...]`. Frames are numbered in each direction, and kept by who
 * sent them until they are acknowledged, so that a connection that breaks loses nothing and doubles nothing (session.ts).
 * Messages are gathered: whatever is to be said in one turn of the event loop is one frame.
 */
import type { TaskStep } from "../engine/interpreter.ts";
import type { Failure } from "../run/failure.ts";

/** `t`: said by or to the thread with the handlers, which the main thread passes on unread; `m`: the main thread. */
export type Target = "t" | "m";

export interface OfferedHandler {
  readonly name: string;
  readonly version?: string;
}

/** How code mode settles a call. `order` is -1 where the step was never begun. */
export type Settlement = { readonly order: number; readonly at: number } & (
  | { readonly is: "succeeded"; readonly result: unknown }
  | { readonly is: "failed"; readonly failure: Failure }
  | { readonly is: "stopped" }
);

/** To the thread. */
export type Order =
  | {
      readonly do: "attempt";
      readonly id: number;
      /** `charge` or `charge@2`. */
      readonly handler: string;
      readonly input: unknown;
      readonly run: string;
      readonly path: string;
      readonly attempt: number;
      readonly key: string;
    }
  | { readonly do: "stop"; readonly id: number }
  /** Nobody waits for it any more. */
  | { readonly do: "forget"; readonly id: number }
  | {
      readonly do: "program";
      readonly id: number;
      readonly name: string;
      readonly run: string;
      readonly input: unknown;
      readonly startedAt: number;
    }
  | { readonly do: "settled"; readonly id: number; readonly call: number; readonly how: Settlement };

/** What a module was made of, with a stamp of each file from before it was read. */
export type Files = readonly (readonly [path: string, stamp: string])[];

/** From the thread. */
export type Report =
  | { readonly is: "succeeded"; readonly id: number; readonly result: unknown }
  | { readonly is: "failed"; readonly id: number; readonly failure: Failure }
  | { readonly is: "heartbeat"; readonly id: number }
  | {
      readonly is: "log";
      /** 0: of no attempt. */
      readonly id: number;
      readonly line: string;
      readonly stream: "stdout" | "stderr";
    }
  | {
      readonly is: "call";
      readonly id: number;
      readonly call: number;
      readonly path: string;
      readonly step: TaskStep;
      readonly asked: string;
      readonly cleanup: boolean;
    }
  | { readonly is: "ended"; readonly id: number; readonly output: unknown }
  | {
      readonly is: "offer";
      readonly handlers: readonly OfferedHandler[];
      /** Code workflows, by name. */
      readonly programs: readonly string[];
      /** Of the module and of what it imports from its own folder. */
      readonly hash: string;
      readonly files: Files;
    }
  | {
      readonly is: "problem";
      readonly code: string;
      readonly message: string;
      readonly stack: string;
      readonly files: Files;
    };

/** To the worker's main thread. */
export type MainOrder =
  /** Kills the thread with all that runs in it, and starts another. `precise`: it says which attempt is at work. */
  { readonly do: "restart"; readonly precise: boolean } | { readonly do: "end" };

/** From the worker's main thread. */
export type MainReport =
  /** `silent`: milliseconds since the thread gave a sign of life. `busy`: the attempt that has the thread, 0 if not known. */
  | { readonly is: "alive"; readonly silent: number; readonly busy: number }
  /** The thread is gone; whatever is sent to it is dropped until `restart`. */
  | { readonly is: "gone"; readonly reason: string }
  /** Nothing further is to be sent; `end` is expected when the rest is done. */
  | { readonly is: "draining" };

/** What a remote worker says first. */
export interface Hello {
  readonly worker: string;
  /** That it wants to go on with; absent: a new one. */
  readonly session?: string;
  readonly received: number;
  readonly namespace: string;
  /** Absent: any workflow of the namespace. */
  readonly workflows?: readonly string[];
  /** Takes steps of this pool only. */
  readonly pool?: string;
  readonly slots: number;
}

/** The answer. Another session than asked for: what the worker had is with others, it begins anew. */
export interface Welcome {
  readonly session: string;
  readonly received: number;
}

export const LARGEST_FRAME = 64 << 20;
/** JSON of one result, bytes. */
export const LARGEST_RESULT = 16 << 20;

export interface Frame {
  readonly number: number;
  readonly acknowledged: number;
  readonly target: Target;
  /** JSON of a list of messages. */
  readonly text: string;
}

export function encodeFrame({ number, acknowledged, target, text }: Frame): string {
  return `${number} ${acknowledged} ${target}${text}`;
}

/** Undefined for what is no frame. */
export function decodeFrame(text: string): Frame | undefined {
  const first = text.indexOf(" ");
  const second = text.indexOf(" ", first + 1);
  const number = Number(text.slice(0, first));
  const acknowledged = Number(text.slice(first + 1, second));
  const target = text[second + 1];
  if (first < 1 || second < 0 || (target !== "t" && target !== "m")) return undefined;
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(acknowledged)) return undefined;
  return { number, acknowledged, target, text: text.slice(second + 2) };
}

/** A list of objects, or undefined. */
export function messagesIn<M>(text: string): readonly M[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((one) => typeof one === "object" && one !== null)
      ? (list as readonly M[])
      : undefined;
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;

const hasId = ({ id }: Fields): boolean => typeof id === "number";

const isFiles = (value: unknown): boolean => Array.isArray(value) && value.every(isTexts);

const isHandler = (value: unknown): boolean =>
  isObject(value) &&
  typeof value["name"] === "string" &&
  (value["version"] === undefined || typeof value["version"] === "string");

const WELL_FORMED: Readonly<Record<(Report | MainReport)["is"], (report: Fields) => boolean>> = {
  succeeded: (report) => hasId(report) && "result" in report,
  failed: (report) => hasId(report) && isObject(report["failure"]),
  heartbeat: hasId,
  log: (report) => hasId(report) && typeof report["line"] === "string",
  call: (report) =>
    hasId(report) &&
    Number.isSafeInteger(report["call"]) &&
    typeof report["path"] === "string" &&
    typeof report["asked"] === "string" &&
    isObject(report["step"]),
  ended: hasId,
  offer: ({ handlers, programs, files }) =>
    Array.isArray(handlers) && handlers.every(isHandler) && isTexts(programs) && isFiles(files),
  problem: ({ message, stack, files }) =>
    typeof message === "string" && typeof stack === "string" && isFiles(files),
  alive: ({ silent, busy }) => typeof silent === "number" && typeof busy === "number",
  gone: ({ reason }) => typeof reason === "string",
  draining: () => true,
};

/** A worker may be of another version, or none at all. */
export function isWellFormed(report: Report | MainReport): boolean {
  const check = Object.hasOwn(WELL_FORMED, report.is) ? WELL_FORMED[report.is] : undefined;
  return check !== undefined && check(report as unknown as Fields);
}
