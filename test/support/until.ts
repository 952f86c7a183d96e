import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 30_000;

/**
 * Asks again and again until there is something; fails with what `waitingFor` says when it takes too long, also when
 * it is the answer that does not come.
 */
export async function until<T>(
  waitingFor: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  patience = PATIENCE,
): Promise<T> {
  const deadline = Date.now() + patience;
  let last: unknown;
  for (;;) {
    try {
      const found = await inTime(ask, deadline);
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Waited ${patience / 1000} s for ${waitingFor}.`, { cause: last });
    await sleep(10);
  }
}

async function inTime<T>(ask: () => T | Promise<T>, deadline: number): Promise<T> {
  const over = new AbortController();
  const silence = sleep(Math.max(0, deadline - Date.now()) + 1, undefined, { signal: over.signal }).then(
    () => {
      throw new Error("The last question was not answered.");
    },
  );
  try {
    return await Promise.race([ask(), silence]);
  } finally {
    silence.catch(() => undefined);
    over.abort();
  }
}
