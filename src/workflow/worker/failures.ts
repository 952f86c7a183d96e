/**
 * How handlers say what class their failure is, and what becomes of whatever they throw. Recognised by a registered symbol,
 * not by class: the module of a handler may have a copy of this package of its own.
 */
import type { Failure } from "../run/failure.ts";

const FAILURE = Symbol.for("tutti.dev/failure");

export interface FailureOptions {
  /** What retry and catch match; the name of the class when absent. */
  readonly name?: string;
  /** JSON, for the catch. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

abstract class NamedFailure extends Error {
  readonly [FAILURE]: { readonly terminal: boolean; readonly details: unknown };

  constructor(terminal: boolean, message: string, { name, details, cause }: FailureOptions, own: string) {
    super(message, cause === undefined ? {} : { cause });
    this.name = name ?? own;
    this[FAILURE] = { terminal, details };
  }
}

/**
 * Trying again cannot help: the step's `retry` is not asked.
 *
 * @example
 * class CardDeclined extends TerminalError {}
 * throw new CardDeclined("The card was declined.", { details: { code: "51" } });
 */
export class TerminalError extends NamedFailure {
  constructor(message: string, options: FailureOptions = {}) {
    super(true, message, options, new.target.name);
  }
}

/** Tried again as the step's `retry` says, as any other Error is; with details for the catch. */
export class RetryableError extends NamedFailure {
  constructor(message: string, options: FailureOptions = {}) {
    super(false, message, options, new.target.name);
  }
}

const LONGEST_MESSAGE = 10_000;

/** Of whatever was thrown: null, a frozen object, one whose getters throw. Never throws itself. */
export function failureOfThrown(thrown: unknown): Failure {
  const said = read(thrown, FAILURE) as
    | { readonly terminal?: unknown; readonly details?: unknown }
    | undefined;
  const failure = {
    class: said !== undefined && read(said, "terminal") === true ? "Terminal" : "Retryable",
    error: nameOf(thrown),
    message: messageOf(thrown),
  } as const;
  const details = said === undefined ? undefined : json(read(said, "details"));
  return details === undefined ? failure : { ...failure, details };
}

/** The stack where there is one, else what can be said of it. */
export function describeThrown(thrown: unknown): string {
  const stack = read(thrown, "stack");
  return typeof stack === "string" && stack !== "" ? stack.slice(0, LONGEST_MESSAGE) : messageOf(thrown);
}

/** Of this folder and of Node: nothing that who wrote the handler knows. */
const OWN_FRAME = new RegExp(`^\\s+at .*(?:${RegExp.escape(new URL(".", import.meta.url).href)}|node:)`);

/** Undefined for one that says its class, and for what has no stack. */
export function stackOfUnmeant(thrown: unknown): string | undefined {
  if (read(thrown, FAILURE) !== undefined || typeof read(thrown, "stack") !== "string") return undefined;
  return describeThrown(thrown)
    .split("\n")
    .filter((line) => !OWN_FRAME.test(line))
    .join("\n");
}

function nameOf(thrown: unknown): string {
  const name = read(thrown, "name");
  return typeof name === "string" && name !== "" ? name.slice(0, 200) : "Error";
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown.slice(0, LONGEST_MESSAGE);
  const message = read(thrown, "message");
  if (typeof message === "string" && message !== "") return message.slice(0, LONGEST_MESSAGE);
  const text = json(thrown) === undefined ? undefined : JSON.stringify(thrown);
  return `It threw ${text?.slice(0, 500) ?? "something that cannot be shown"}.`;
}

function read(value: unknown, member: string | symbol): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  try {
    return (value as Readonly<Record<string | symbol, unknown>>)[member];
  } catch {
    return undefined;
  }
}

function json(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
