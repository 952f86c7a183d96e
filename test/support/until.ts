import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 30_000;

/** Asks again and again until there is something; fails with what `waitingFor` says when it takes too long. */
export async function until<T>(
  waitingFor: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  patience = PATIENCE,
): Promise<T> {
  const deadline = Date.now() + patience;
  let last: unknown;
  for (;;) {
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`Waited ${patience / 1000} s for ${waitingFor}.`, { cause: last });
    await sleep(10);
  }
}
