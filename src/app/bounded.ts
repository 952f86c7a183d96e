/**
 * Asking providers while a person waits: each has its time, and whatever it does instead of answering is one warning that
 * names it. What it answers is looked at before it is believed.
 */
import type { Clock } from "../clock/clock.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { TerminalError } from "../provider/provider.ts";

/** Milliseconds that a provider has to answer. */
export const PATIENCE = 10_000;

export interface Question<T> {
  /** "the class 'docker' of Network at the location 'local'". */
  readonly whom: string;
  /** "what it has", "what is left of it": what was asked. */
  readonly what: string;
  readonly ask: (signal: AbortSignal) => Promise<T>;
  /** Whether it is an answer at all. */
  readonly isSound: (answer: unknown) => boolean;
  readonly clock: Clock;
  /** Milliseconds; `PATIENCE` when absent. */
  readonly patience?: number | undefined;
}

export type Reply<T> = { readonly answer: T } | { readonly problem: Diagnostic };

/** Never rejects, and always settles. What a provider refuses in its own words is an error, all else a warning. */
export async function asked<T>(question: Question<T>): Promise<Reply<T>> {
  const { whom, what, ask, isSound, clock, patience = PATIENCE } = question;
  const ending = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimeout(() => {
    const error = new Error(`it gave no answer within ${patience / 1000} s`);
    ending.abort(error);
    late.reject(error);
  }, patience);
  try {
    const answer = await Promise.race([promised(() => ask(ending.signal)), late.promise]);
    if (isSound(answer)) return { answer };
    return { problem: silent(whom, what, "its answer makes no sense") };
  } catch (error) {
    if (error instanceof TerminalError) return { problem: { severity: "error", ...error.diagnostic } };
    return { problem: silent(whom, what, error instanceof Error ? error.message : String(error)) };
  } finally {
    timer.cancel();
  }
}

/** What throws at once is no different from what rejects. */
async function promised<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

function silent(whom: string, what: string, why: string): Diagnostic {
  return {
    severity: "warning",
    code: "ProviderSilent",
    message: `${whom.charAt(0).toUpperCase()}${whom.slice(1)} does not say ${what}: ${why.replace(/\.$/, "").slice(0, 300)}.`,
    hint: "See whether what it drives is running and can be reached.",
  };
}
