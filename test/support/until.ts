import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 30_000;

/**
 * Milliseconds until the next question: the longer it takes, the less often, for a question has others work. Fifty at most:
 * who waits for something that passes is not to miss it.
 */
function pause(waited: number): number {
  return Math.min(Math.max(waited / 20, 10), 50);
}

/**
 * Asks again and again until there is something; fails with what `waitingFor` says when it takes too long, also when
 * it is the answer that does not come.
 */
export async function until<T>(
  waitingFor: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  patience = PATIENCE,
): Promise<T> {
  const began = Date.now();
  const deadline = began + patience;
  let last: unknown;
  for (;;) {
    try {
      const found = await inTime(ask, deadline, last);
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Waited ${patience / 1000} s for ${waitingFor}.`, { cause: last });
    await sleep(pause(Date.now() - began));
  }
}

/** `last`: what the question before came to, which is lost otherwise: one of them is under way at most deadlines. */
async function inTime<T>(ask: () => T | Promise<T>, deadline: number, last: unknown): Promise<T> {
  const over = new AbortController();
  const since = Date.now();
  const silence = sleep(Math.max(0, deadline - Date.now()) + 1, undefined, { signal: over.signal }).then(
    () => {
      const cause = last === undefined ? {} : { cause: last };
      throw new Error(`The last question, ${Date.now() - since} ms old, was not answered.`, cause);
    },
  );
  try {
    return await Promise.race([ask(), silence]);
  } finally {
    silence.catch(() => undefined);
    over.abort();
  }
}
