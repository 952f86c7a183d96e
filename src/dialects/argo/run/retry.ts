/** `retryStrategy`: attempts of a template, each a node of its own: `fetch(0)`, `fetch(1)`. */
import { parseSpan } from "../expression/dates.ts";
import { holds } from "../expression/expression.ts";
import type { RetryStrategy } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import { Scope } from "../variables.ts";
import type { Ground } from "./ground.ts";
import { TemplateError } from "./inputs.ts";
import { type Node, isUnsuccessful } from "./node.ts";

export interface Attempt {
  readonly name: string;
  readonly path: string;
  /** `retries`, `lastRetry.*`. */
  readonly locals: Scope;
  readonly deadline: number;
}

export interface Retried {
  readonly name: string;
  readonly path: string;
  readonly locals: Scope;
  readonly isExit: boolean;
}

/** Messages of what may go away by itself: the network, the machine. */
const TRANSIENT =
  /timed? ?out|connection (?:refused|reset)|no such host|temporarily unavailable|too many requests|transport|\bEOF\b|exceeded quota|InfraLost/i;

/** Attempts until one succeeds, or none is to follow. Throws TemplateError and ExpressionError. */
export async function retried(
  ground: Ground,
  strategy: RetryStrategy,
  { name, path, locals, isExit }: Retried,
  attempt: (one: Attempt) => Promise<Node>,
): Promise<Node> {
  const children: Node[] = [];
  const pauses = new Pauses(strategy, ground.now);
  for (let count = 0; ; count++) {
    const scope = attemptScope(locals, count, children.at(-1));
    const node = await attempt({
      name: `${name}(${count})`,
      path: `${path}(${count})`,
      locals: scope,
      deadline: pauses.deadline,
    });
    children.push(node);
    // An error that was up to be retried is the end of the attempts, and of nothing else.
    const isBroken = node.isBroken === true && !isForErrors(strategy);
    const over = (message = node.message): Node => ({ ...node, name, message, children, isBroken });
    if (!isUnsuccessful(node)) return over();
    const { ending } = ground;
    if (ending !== undefined && !isExit) return over(node.message);
    const obstacle = pauses.obstacle(count, node) ?? refusal(ground, strategy, count, node);
    if (obstacle !== undefined) return over(obstacle);
    const pause = pauses.after(count);
    if (pause > 0)
      await ground.turns.perform(
        `${path}!backoff(${count + 1})`,
        { type: "wait", duration: `${pause}ms` },
        ground.signalOf(isExit),
        isExit,
      );
  }
}

const isForErrors = ({ retryPolicy, expression }: RetryStrategy): boolean =>
  retryPolicy === undefined ? (expression ?? "") !== "" : retryPolicy !== "OnFailure";

function attemptScope(locals: Scope, count: number, last: Node | undefined): Scope {
  return new Scope(locals)
    .set("retries", String(count))
    .set("lastRetry.exitCode", last?.outputs.exitCode ?? (last === undefined ? "0" : "-1"))
    .set("lastRetry.status", last?.phase ?? "")
    .set("lastRetry.duration", last === undefined ? "0" : seconds(last))
    .set("lastRetry.message", last?.message ?? "");
}

const seconds = ({ startedAt, finishedAt }: Node): string =>
  String(Math.round((finishedAt - startedAt) / 1000));

/** Why no attempt follows. */
function refusal(ground: Ground, strategy: RetryStrategy, count: number, node: Node): string | undefined {
  const { expression, limit } = strategy;
  if (!isRetriedOn(strategy, node)) return node.message;
  if (limit !== undefined && limit !== null && count + 1 > wholeOf(limit)) return "No more retries left";
  if (expression === undefined || expression === "") return undefined;
  const scope = attemptScope(new Scope(), count, node);
  return holds(expression, nestedOf(scope), ground.ambience)
    ? undefined
    : "retryStrategy.expression evaluated to false";
}

function isRetriedOn({ retryPolicy, expression }: RetryStrategy, node: Node): boolean {
  switch (retryPolicy ?? ((expression ?? "") === "" ? "OnFailure" : "Always")) {
    case "Always":
      return true;
    case "OnError":
      return node.phase === "Error";
    case "OnFailure":
      return node.phase === "Failed";
    case "OnTransientError":
      return TRANSIENT.test(node.message);
    default:
      throw new TemplateError(`${String(retryPolicy)} is not a valid RetryPolicy`);
  }
}

function wholeOf(limit: unknown): number {
  const number = Number(limit);
  if (limit !== "" && Number.isInteger(number)) return number;
  throw new TemplateError(`the limit '${String(limit)}' of retries is no whole number`);
}

class Pauses {
  readonly deadline: number;
  readonly #backoff: RetryStrategy["backoff"];

  constructor({ backoff }: RetryStrategy, startedAt: number) {
    this.#backoff = backoff;
    const longest = backoff?.maxDuration;
    this.deadline = longest === undefined || longest === "" ? Infinity : startedAt + spanOf(longest);
  }

  obstacle(count: number, { finishedAt }: Node): string | undefined {
    if (this.#backoff === undefined) return undefined;
    if (finishedAt > this.deadline) return "Max duration limit exceeded";
    return finishedAt + this.after(count) > this.deadline
      ? "Backoff would exceed max duration limit"
      : undefined;
  }

  after(count: number): number {
    if (this.#backoff === undefined) return 0;
    const { duration, factor, cap } = this.#backoff;
    if (duration === undefined || duration === "")
      throw new TemplateError("no base duration specified for retryStrategy");
    const by = factor === undefined ? 0 : Number(factor);
    const pause = spanOf(duration) * (by > 0 ? by ** count : 1);
    const most = cap === undefined || cap === "" ? Number.MAX_SAFE_INTEGER : spanOf(cap);
    return Math.round(Math.min(pause, most));
  }
}

export function spanOf(value: unknown): number {
  const span = parseSpan(String(value));
  if (span !== undefined && span >= 0) return span;
  throw new TemplateError(`'${String(value)}' is no duration`);
}
