/**
 * Runs handlers in the worker's thread. Whatever a handler does ends as one report, a result or a failure; its neighbours do
 * not notice.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Failure } from "../run/failure.ts";
import { failureOfThrown, stackOfUnmeant } from "./failures.ts";
import { type HandlerContext, type HandlerDefinition, nameWithVersion } from "./handler.ts";
import { type Order, LARGEST_RESULT } from "./protocol.ts";
import { type SchemaOf, check } from "./schema.ts";

type AttemptOrder = Extract<Order, { readonly do: "attempt" }>;

/** An attempt while it runs. */
export class RunningAttempt implements HandlerContext {
  readonly #order: AttemptOrder;
  readonly #say: (message: string) => void;
  #ending: AbortController | undefined;
  #isStopped = false;
  #isOver = false;

  constructor(order: AttemptOrder, say: (message: string) => void) {
    this.#order = order;
    this.#say = say;
  }

  get id(): number {
    return this.#order.id;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get idempotencyKey(): string {
    return this.#order.key;
  }

  get attempt(): number {
    return this.#order.attempt;
  }

  get run(): string {
    return this.#order.run;
  }

  get step(): string {
    return this.#order.path;
  }

  get signal(): AbortSignal {
    if (this.#ending === undefined) {
      this.#ending = new AbortController();
      if (this.#isStopped) this.#ending.abort();
    }
    return this.#ending.signal;
  }

  /** Handlers take their context apart: these stand alone. */
  readonly heartbeat = (): void => {
    if (!this.#isOver) this.#say(`{"is":"heartbeat","id":${this.id}}`);
  };

  readonly log = (line: string): void => {
    this.write(`${String(line)}\n`, "stdout");
  };

  /** Text of any length; what has no line end yet is a line of its own. */
  write(text: string, stream: "stdout" | "stderr"): void {
    for (const line of text.replace(/\r?\n$/, "").split("\n"))
      this.#say(JSON.stringify({ is: "log", id: this.id, line: line.slice(0, LONGEST_LINE), stream }));
  }

  stop(): void {
    this.#isStopped = true;
    this.#ending?.abort();
  }

  /** The first of the two that is called counts. */
  succeed(text: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#say(`{"is":"succeeded","id":${this.id},"result":${text}}`);
  }

  fail(failure: Failure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#say(JSON.stringify({ is: "failed", id: this.id, failure }));
  }
}

const LONGEST_LINE = 64 << 10;

/** Whose code is at work: of what it prints, and of what it leaves unhandled. */
export const currentAttempt = new AsyncLocalStorage<RunningAttempt>();

/** Resolves when the attempt is over. Never rejects. */
export function runAttempt(
  definition: HandlerDefinition,
  given: unknown,
  attempt: RunningAttempt,
): Promise<void> | undefined {
  try {
    const input = accepted(definition, "input", given);
    const result = currentAttempt.run(attempt, definition.call, input as never, attempt);
    if (!isThenable(result)) {
      attempt.succeed(resultText(definition, result));
      return undefined;
    }
    return Promise.resolve(result).then(
      (value) => finish(definition, attempt, value),
      (thrown: unknown) => failWith(attempt, thrown),
    );
  } catch (thrown) {
    failWith(attempt, thrown);
    return undefined;
  }
}

function finish(definition: HandlerDefinition, attempt: RunningAttempt, value: unknown): void {
  try {
    attempt.succeed(resultText(definition, value));
  } catch (thrown) {
    failWith(attempt, thrown);
  }
}

/** Its log says where it was thrown, unless the handler says by its class that it is meant. */
function failWith(attempt: RunningAttempt, thrown: unknown): void {
  const stack = thrown instanceof Refused ? undefined : stackOfUnmeant(thrown);
  if (stack !== undefined) attempt.write(stack, "stderr");
  attempt.fail(failureOf(thrown));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

/** What the worker itself refuses. */
class Refused extends Error {
  readonly failure: Failure;

  constructor(error: string, message: string) {
    super(message);
    this.failure = { class: "Terminal", error, message };
  }
}

function failureOf(thrown: unknown): Failure {
  return thrown instanceof Refused ? thrown.failure : failureOfThrown(thrown);
}

function accepted(definition: HandlerDefinition, what: "input" | "result", value: unknown): unknown {
  const schema: SchemaOf<unknown> | undefined = definition[what];
  if (schema === undefined) return value;
  const result = check(schema, value);
  if ("value" in result) return result.value;
  const where = result.violations.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw new Refused(
    what === "input" ? "InvalidInput" : "InvalidResult",
    `The ${what} of the handler '${nameWithVersion(definition)}' does not fit its schema. ${where.join(" ")}`,
  );
}

function resultText(definition: HandlerDefinition, value: unknown): string {
  const result = accepted(definition, "result", value);
  let text: string | undefined;
  try {
    text = JSON.stringify(result) as string | undefined;
  } catch (error) {
    const [reason = ""] = failureOfThrown(error).message.split("\n");
    throw new Refused(
      "InvalidResult",
      `The result of the handler '${nameWithVersion(definition)}' is not JSON: ${reason}`,
    );
  }
  if (text !== undefined && text.length > LARGEST_RESULT)
    throw new Refused(
      "ResultTooLarge",
      `The result of the handler '${nameWithVersion(definition)}' has ${text.length} characters of JSON; ` +
        `${LARGEST_RESULT} is the most. Keep what is large in a file or volume, and give its place.`,
    );
  return text ?? "null";
}
