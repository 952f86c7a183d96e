/** Waits until a store shows something, woken by its changes: nothing is asked again and again. */
import type { Change, Store } from "../../store/store.ts";

/**
 * Resolves with the first `look` that gives something: now, or after a change that `concerns` it. Rejects with what `look`
 * throws, and with the signal's reason when aborted.
 */
export function untilSeen<T>(
  store: Pick<Store, "revision" | "watch">,
  look: () => T | undefined,
  concerns: (change: Change) => boolean,
  signal: AbortSignal,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const attempt = (): void => {
    try {
      const seen = look();
      if (seen !== undefined) resolve(seen);
    } catch (error) {
      reject(error as Error);
    }
  };
  const abort = (): void => reject(signal.reason as Error);
  const unsubscribe = store.watch(store.revision, (changes) => {
    if (changes.some(concerns)) attempt();
  });
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  attempt();
  return promise.finally(() => {
    unsubscribe();
    signal.removeEventListener("abort", abort);
  });
}
