/** How steps are undone, and tried again. */
import type { Retry, Step, Timeouts } from "../workflow/definition/workflow.ts";
import type { Handler } from "../workflow/worker/handler.ts";
import type { Given } from "./workflow-result.ts";

/** What a step of the type has, without what the builder adds. */
export type OwnFields<T extends Step["type"]> = GivenFields<
  Omit<
    Extract<Step, { readonly type: T }>,
    "type" | "needs" | "next" | "when" | "retry" | "catch" | "timeouts" | "compensate" | "pool"
  >
>;

type GivenFields<T> = { readonly [name in keyof T]: Given<T[name]> };

/** What undoes a step: `undo(refund, { id: paid.id })`, `undoTask("apply", { system: "shop", revision: shop.previous })`. */
export interface Undo {
  /** Named when it is put into a scope, which notes its module. */
  readonly handler?: Handler<never> | string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface UndoSettings {
  /** `retry(5)`, or rules. */
  readonly retry?: Retry | readonly Retry[];
  /** Of one attempt, or limits. */
  readonly timeout?: string | Timeouts;
}

/** The call of a function that undoes a step. */
export function undo<I>(handler: Handler<I>, input: Given<I>, settings?: UndoSettings): Undo;
export function undo(handler: string, input?: unknown, settings?: UndoSettings): Undo;
export function undo(handler: Handler<never> | string, input?: unknown, settings: UndoSettings = {}): Undo {
  return { handler, fields: { type: "function", input, ...settingsOf(settings) } };
}

/** A step of any other type that undoes a step. */
export function undoTask<
  T extends "run" | "http" | "apply" | "scale" | "resource" | "workflow" | "terraform" | "ansible",
>(type: T, fields: OwnFields<T>, settings: UndoSettings = {}): Undo {
  return { fields: { type, ...fields, ...settingsOf(settings) } };
}

/** Attempts in all; by default of any failure that may be tried again, one second apart at first, doubled each time. */
export function retry(attempts: number, { errors = ["*"], ...more }: Partial<Retry> = {}): Retry {
  return { errors, attempts, ...more };
}

export function timeoutsOf(timeout: string | Timeouts | undefined): { readonly timeouts?: Timeouts } {
  if (timeout === undefined) return {};
  return { timeouts: typeof timeout === "string" ? { attempt: timeout } : timeout };
}

function settingsOf({ retry: rules, timeout }: UndoSettings): object {
  return { ...(rules === undefined ? {} : { retry: [rules].flat() }), ...timeoutsOf(timeout) };
}
