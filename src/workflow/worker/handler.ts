/**
 * What stands behind function steps: named, versioned functions that a module exports. A step refers to one by the imported
 * value or by name; the module is loaded in worker processes only, where it may do what it likes to its process.
 */
import { callSite } from "../../diagnostics/call-site.ts";
import type { Checked, Given, SchemaOf } from "./schema.ts";

const HANDLER = Symbol.for("tutti.dev/handler");

/** What a handler is told of the attempt that it is. */
export interface HandlerContext {
  /** The same in every attempt of the step: give it to whatever must be done once only. */
  readonly idempotencyKey: string;
  /** Counted from 1, with attempts that were lost with their machine. */
  readonly attempt: number;
  /** `NAMESPACE/NAME`. */
  readonly run: string;
  /** The step's path in the run: `fan[3].fetch`. */
  readonly step: string;
  /** Aborted when the result is no longer wanted. */
  readonly signal: AbortSignal;
  /** A sign of life, for steps with a heartbeat timeout. */
  readonly heartbeat: () => void;
  /** A line of the attempt's log. What is written with `console` becomes lines of it as well. */
  readonly log: (line: string) => void;
}

export interface HandlerOptions<I extends SchemaOf<unknown>, R extends SchemaOf<unknown>> {
  /** `charge@2` is version 2 of `charge`; `charge` alone is the newest. */
  readonly version?: string;
  /** Checked before the handler is called; what does not fit fails for good. */
  readonly input?: I;
  /** Checked before the result is recorded. */
  readonly result?: R;
}

/** A handler that takes an `I` and gives an `R`, which is JSON. */
export interface Handler<I = unknown, R = unknown> {
  readonly [HANDLER]: HandlerDefinition;
  /** Calls it directly, as tests do. */
  (input: I, context: HandlerContext): Promise<R>;
}

export interface HandlerDefinition {
  readonly name: string;
  readonly version: string | undefined;
  readonly input: SchemaOf<unknown> | undefined;
  readonly result: SchemaOf<unknown> | undefined;
  readonly call: (input: never, context: HandlerContext) => unknown;
  /** The stack frame of the declaration, which says in which module it stands. */
  readonly frame: string | undefined;
}

/**
 * @example
 * export const charge = handler(
 *   "charge",
 *   { version: "2", input: z.object({ amount: z.number() }) },
 *   async ({ amount }, { idempotencyKey }) => payments.charge(amount, idempotencyKey),
 * );
 */
export function handler<I = unknown, R = unknown>(
  name: string,
  call: (input: I, context: HandlerContext) => R | Promise<R>,
): Handler<I, R>;
export function handler<S extends SchemaOf<unknown>, O, R extends SchemaOf<unknown> = true>(
  name: string,
  options: HandlerOptions<S, R> & { readonly input: S },
  call: (input: Checked<S>, context: HandlerContext) => O | Promise<O>,
): Handler<Given<S>, unknown extends Checked<R> ? O : Checked<R>>;
export function handler<I, O, R extends SchemaOf<unknown> = true>(
  name: string,
  options: HandlerOptions<never, R>,
  call: (input: I, context: HandlerContext) => O | Promise<O>,
): Handler<I, unknown extends Checked<R> ? O : Checked<R>>;
export function handler(
  name: string,
  ...rest: readonly [
    HandlerOptions<SchemaOf<unknown>, SchemaOf<unknown>> | HandlerDefinition["call"],
    HandlerDefinition["call"]?,
  ]
): Handler {
  const [options, call] = rest.length === 1 || typeof rest[0] === "function" ? [{}, rest[0]] : rest;
  if (!NAME.test(name) || typeof call !== "function")
    throw new TypeError(
      `handler(${JSON.stringify(name)}) takes a name of letters, digits, '.', '/', '-' and '_', and a function.`,
    );
  const { version, input, result } = options as HandlerOptions<SchemaOf<unknown>, SchemaOf<unknown>>;
  if (version !== undefined && !VERSION.test(version))
    throw new TypeError(
      `The version '${version}' of the handler '${name}' may hold letters, digits, '.' and '-'.`,
    );
  const body = call as HandlerDefinition["call"];
  const made = async (given: unknown, context: HandlerContext): Promise<unknown> =>
    body(given as never, context);
  const definition: HandlerDefinition = {
    name,
    version,
    input,
    result,
    call: body,
    frame: callSite(handler),
  };
  return Object.assign(made, { [HANDLER]: definition });
}

const NAME = /^[\w./-]+$/;
const VERSION = /^[\w.-]+$/;

/** Undefined for what is no handler. Also of a handler that was made by another copy of this package. */
export function handlerDefinition(value: unknown): HandlerDefinition | undefined {
  return typeof value === "function" && HANDLER in value ? (value as Handler)[HANDLER] : undefined;
}

/** Of this thread, by whatever copy of this package. */
const offered: unique symbol = Symbol.for("tutti.dev/offered-handlers");
type Offering = typeof globalThis & { [offered]?: HandlerDefinition[] };

/** A handler that is found though its module does not export it: what others than workflows call. */
export function offerHandler(definition: HandlerDefinition): void {
  ((globalThis as Offering)[offered] ??= []).push(definition);
}

export function offeredHandlers(): readonly HandlerDefinition[] {
  return (globalThis as Offering)[offered] ?? [];
}

/** `charge@2`, or `charge` where it has no version. */
export function nameWithVersion({ name, version }: Pick<HandlerDefinition, "name" | "version">): string {
  return version === undefined ? name : `${name}@${version}`;
}

/** -1, 0 or 1: numbers within versions count as numbers, no version is the oldest. */
export function compareVersions(one: string | undefined, other: string | undefined): number {
  if (one === other) return 0;
  if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
  return Math.sign(one.localeCompare(other, "en", { numeric: true }));
}
