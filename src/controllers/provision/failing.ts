/** What fails is written into the conditions, then answered by the runtime: tried again, or not if there is no use in it. */
import type { Outcome } from "../../controller/reconciler.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { RequeueAfter, TerminalError } from "../../provider/provider.ts";
import { StoreError } from "../../store/store.ts";
import { type Attempt, type Failure, boundsOf, failureOf, withFailure } from "./attempt.ts";
import { NoSlot, type Pass } from "./pass.ts";
import { record } from "./status.ts";

/** `what`: "made". */
export async function reporting(pass: Pass, what: string, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoSlot || error instanceof StoreError || pass.context.signal.aborted) throw error;
    throw error instanceof RequeueAfter ? await delayed(pass, error) : await failed(pass, what, error);
  }
}

/** It has to wait for something outside: no failure, unless that takes too long. */
async function delayed(pass: Pass, error: RequeueAfter): Promise<Error> {
  const failure = judged(pass, pass.attempt, error.message);
  if (failure !== undefined) await write(pass, pass.attempt, failure.message, failure);
  return error;
}

/** Resolves with what the runtime is told. */
async function failed(pass: Pass, what: string, error: unknown): Promise<unknown> {
  const terminal = asTerminal(error);
  const bounds = boundsOf(pass.resource, pass.attempt);
  const attempt = withFailure(pass.attempt, bounds);
  const message = terminal?.message ?? `It could not be ${what}: ${textOf(error)}`;
  const failure = judged(pass, attempt, message, terminal);
  await write(pass, attempt, message, failure);
  if (terminal !== undefined) return terminal;
  if (failure !== undefined) return new TerminalError({ code: failure.reason, message: failure.message });
  if (bounds.timeout !== undefined)
    pass.options.later(pass.key, attempt.since + bounds.timeout - pass.options.clock.now());
  return error;
}

function judged(
  { resource, options }: Pass,
  attempt: Attempt,
  message: string,
  error?: TerminalError,
): Failure | undefined {
  return failureOf(attempt, boundsOf(resource, attempt), options.clock.now(), message, error);
}

async function write(
  pass: Pass,
  attempt: Attempt,
  message: string,
  failure: Failure | undefined,
): Promise<void> {
  const said = failure ?? { reason: "Failed", message };
  await record(pass, { ready: { ready: false, ...said }, attempt, failure });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asTerminal(error: unknown): TerminalError | undefined {
  if (error instanceof TerminalError) return error;
  const first = error instanceof DiagnosticError ? error.diagnostics[0] : undefined;
  return first === undefined ? undefined : new TerminalError(first);
}
