/**
 * Many who wait for one signal, each in constant time: a listener more of an AbortSignal costs a walk along all the others,
 * so the signal of a map of 100,000 items has one listener, and a set.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back when it is aborted, at once when it is already. Gives what is to be called when nobody waits any more. */
export function onAbort(signal: AbortSignal, wake: () => void): () => void {
  if (signal.aborted) {
    wake();
    return nothing;
  }
  let wakes = waiting.get(signal);
  if (wakes === undefined) {
    const all = (wakes = new Set());
    waiting.set(signal, all);
    signal.addEventListener("abort", () => wakeAll(all), { once: true });
  }
  const own = wakes;
  own.add(wake);
  return () => void own.delete(wake);
}

/** Making an error costs a stack trace, which is more than a whole step. */
const NOT_WANTED = new DOMException("The result is no longer wanted.", "AbortError");

export function abort(controller: AbortController): void {
  controller.abort(NOT_WANTED);
}

function wakeAll(wakes: Set<() => void>): void {
  for (const wake of wakes) {
    wakes.delete(wake);
    wake();
  }
}

function nothing(): void {
  // It has been told.
}
