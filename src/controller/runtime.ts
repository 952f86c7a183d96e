/**
 * Runs controllers on a store: one watch feeds all of them, each has a work queue of its own.
 *
 *  R1 Views (view.ts) see a change before any controller is told of it.
 *  R2 The watch begins at the revision at which the initial keys were listed: nothing falls between.
 *  R3 After `stop` no reconcile begins, no timer is set, and it resolves when those under way have ended.
 *  R4 A commit of many changes is one occasion to work: a key that many of them concern is looked at once.
 */
import type { Timer } from "../clock/clock.ts";
import { type Key, keyText, parseKeyText } from "../model/resource.ts";
import { RequeueAfter, TerminalError } from "../provider/provider.ts";
import { type Change, type Store, StoreError } from "../store/store.ts";
import { WorkQueue } from "./queue.ts";
import {
  type Controller,
  type Logger,
  type ReconcileContext,
  type RuntimeOptions,
  silent,
} from "./reconciler.ts";
import type { View } from "./view.ts";

type Because = { readonly key: Key; readonly revision: number };

interface Loop {
  readonly controller: Controller;
  readonly queue: WorkQueue<Because>;
  active: number;
  resync: Timer | undefined;
}

export class Runtime {
  readonly #store: Store;
  readonly #options: RuntimeOptions;
  readonly #log: Logger;
  readonly #views: View[] = [];
  readonly #loops: Loop[] = [];
  readonly #abort = new AbortController();
  /** While a commit is told, keys only gather (R4). */
  #isTelling = false;
  #unwatch: (() => void) | undefined;
  #idle: (() => void) | undefined;

  constructor(store: Store, options: RuntimeOptions) {
    this.#store = store;
    this.#options = options;
    this.#log = options.log ?? silent;
  }

  addView(view: View): void {
    this.#views.push(view);
  }

  addController(controller: Controller): void {
    const loop: Loop = {
      controller,
      queue: new WorkQueue<Because>({ clock: this.#options.clock }),
      active: 0,
      resync: undefined,
    };
    loop.queue.onWaiting(() => {
      if (!this.#isTelling) this.#pump(loop);
    });
    this.#loops.push(loop);
  }

  start(): void {
    const revision = this.#store.revision;
    for (const view of this.#views) view.fill(this.#store);
    this.#unwatch = this.#store.watch(revision, (changes) => this.#changed(changes));
    for (const loop of this.#loops) this.#sync(loop);
  }

  /** Looks at a key now, for what does not show in the store: a process ended, a probe changed its mind. */
  trigger(controller: string, key: Key): void {
    this.#loops.find((loop) => loop.controller.name === controller)?.queue.add(keyText(key));
  }

  /** Queue depths by controller, for metrics. */
  depths(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#loops.map((loop) => [loop.controller.name, loop.queue.depth]));
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#abort.abort(new Error("The control plane is stopping."));
    for (const loop of this.#loops) {
      loop.resync?.cancel();
      loop.queue.clear();
    }
    await Promise.all(this.#loops.map(async ({ controller }) => controller.stop?.()));
    if (this.#loops.some((loop) => loop.active > 0))
      await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #changed(changes: readonly Change[]): void {
    for (const view of this.#views) for (const change of changes) view.apply(change);
    this.#isTelling = true;
    for (const loop of this.#loops) {
      for (const change of changes) {
        for (const key of loop.controller.concerns(change))
          loop.queue.add(keyText(key), { key: change.key, revision: change.revision });
      }
    }
    this.#isTelling = false;
    for (const loop of this.#loops) this.#pump(loop);
  }

  #sync(loop: Loop): void {
    for (const key of loop.controller.initial()) loop.queue.add(keyText(key));
    const { resync } = loop.controller;
    if (resync !== undefined)
      loop.resync = this.#options.clock.setTimeout(
        () => this.#sync(loop),
        resync * (0.9 + 0.2 * this.#options.clock.random()),
      );
  }

  #pump(loop: Loop): void {
    while (loop.active < (loop.controller.concurrency ?? 16) && !this.#abort.signal.aborted) {
      const work = loop.queue.take();
      if (work === undefined) return;
      loop.active += 1;
      void this.#work(loop, work.key, work.reason);
    }
  }

  async #work(loop: Loop, text: string, because: Because | undefined): Promise<void> {
    const { controller, queue } = loop;
    const context: ReconcileContext = {
      signal: this.#abort.signal,
      cause: (action) => ({
        actor: `controller:${controller.name}`,
        action,
        ...(because === undefined ? {} : { because }),
      }),
    };
    const begun = this.#options.clock.now();
    let failed = false;
    try {
      const outcome = await controller.reconcile(parseKeyText(text), context);
      if (this.#abort.signal.aborted) return;
      queue.done(text);
      if (outcome !== undefined && outcome !== null)
        queue.addAfter(text, (outcome as { requeueAfter: number }).requeueAfter, because);
    } catch (error) {
      failed = !(error instanceof RequeueAfter);
      this.#failed(loop, text, because, error);
    } finally {
      this.#options.reconciled?.(controller.name, this.#options.clock.now() - begun, failed);
      loop.active -= 1;
      if (this.#abort.signal.aborted) this.#settle();
      else this.#pump(loop);
    }
  }

  #failed(loop: Loop, text: string, because: Because | undefined, error: unknown): void {
    const { controller, queue } = loop;
    if (this.#abort.signal.aborted) return;
    if (error instanceof RequeueAfter) {
      queue.done(text);
      queue.addAfter(text, error.delay, because);
    } else if (error instanceof TerminalError) {
      queue.done(text);
      this.#log.warn(
        { controller: controller.name, key: text, code: error.diagnostic.code, reason: error.message },
        "reconcile ended",
      );
    } else {
      const delay = queue.done(text, true);
      // Somebody else wrote first: looking again is the normal course of things.
      const expected =
        error instanceof StoreError &&
        (error.code === "Conflict" || error.code === "NotFound" || error.code === "AlreadyExists");
      this.#log[expected ? "debug" : "warn"](
        { controller: controller.name, key: text, error: describe(error), delay },
        "reconcile failed",
      );
    }
  }

  #settle(): void {
    if (this.#idle !== undefined && this.#loops.every((loop) => loop.active === 0)) this.#idle();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
