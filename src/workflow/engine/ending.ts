/** What ends once any of several signals does, or when told to; a signal of its own only for whom asks: one costs more than a step. */
import { abort, onAbort } from "./on-abort.ts";

export class Ending {
  readonly #unfollow: readonly (() => void)[];
  #wakes: (() => void)[] = [];
  #controller: AbortController | undefined;
  #isOver = false;

  constructor(...signals: readonly AbortSignal[]) {
    this.#unfollow = signals.map((signal) => onAbort(signal, () => this.end()));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Calls back once, at once when it is over already. */
  onEnd(wake: () => void): void {
    if (this.#isOver) wake();
    else this.#wakes.push(wake);
  }

  /** Nobody waits for it any more. */
  leave(): void {
    for (const unfollow of this.#unfollow) unfollow();
    this.#wakes = [];
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.onEnd(() => abort(controller));
    }
    return this.#controller.signal;
  }
}
