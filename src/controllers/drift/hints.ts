/**
 * What providers tell of what may have changed (`Provider.watch`), and when that is looked at.
 *
 *   watched --told--> gathering (SETTLE, and SPACING since the last look that was told of) --> looked at once, as it is then
 *
 *  - A hint is no news of what has changed: it only makes the regular look come sooner. Hints that are lost cost time alone.
 *  - However many hints there are, a thing is looked at about once a second at most: a burst is one look, and an engine that
 *    tells of what we do ourselves leads to one look that finds nothing.
 *  - What is reached in another way, or is another thing by now, is watched anew.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { equal } from "../../model/equality.ts";
import { type Key, keyText, parseKeyText } from "../../model/resource.ts";
import type { CallContext } from "../../provider/provider.ts";

export interface HintsOptions {
  readonly clock: Clock;
  /** Looks at it now. */
  readonly look: (key: Key) => void;
}

/** Who tells, and of what: while both are the same, it goes on. */
export interface Subject {
  readonly teller: object;
  readonly thing: unknown;
}

interface Watched extends Subject {
  readonly ending: AbortController;
}

/** What is done by hand, or by us, takes several steps: they are seen together. */
const SETTLE = 50;
const SPACING = 1_000;

export class Hints {
  readonly #options: HintsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #gathering = new Map<string, Timer>();
  /** By key text: when it was looked at last because it was told of. */
  readonly #looked = new Map<string, number>();

  constructor(options: HintsOptions) {
    this.#options = options;
  }

  /** Has it watched, unless it is already. `watch` ends with the signal. */
  watch(
    key: Key,
    subject: Subject,
    watch: (changed: () => void, context: Pick<CallContext, "clock" | "signal">) => void,
  ): void {
    const text = keyText(key);
    const before = this.#watched.get(text);
    if (before?.teller === subject.teller && equal(before.thing, subject.thing)) return;
    before?.ending.abort(new Error("It is watched in another way."));
    const ending = new AbortController();
    const { signal } = ending;
    this.#watched.set(text, { ...subject, ending });
    const changed = (): void => {
      if (!signal.aborted) this.told(key);
    };
    try {
      watch(changed, { clock: this.#options.clock, signal });
    } catch {
      // Who does not tell is looked at.
    }
  }

  /** It may have changed. */
  told(key: Key): void {
    const text = keyText(key);
    if (this.#gathering.has(text)) return;
    const { clock, look } = this.#options;
    const soonest = (this.#looked.get(text) ?? Number.NEGATIVE_INFINITY) + SPACING;
    const due = (): void => {
      this.#gathering.delete(text);
      this.#looked.set(text, clock.now());
      look(key);
    };
    const delay = Math.max(SETTLE, soonest - clock.now());
    this.#gathering.set(text, clock.setTimeout(due, delay));
  }

  /** It is watched no more. */
  end(key: Key): void {
    const text = keyText(key);
    this.#watched.get(text)?.ending.abort(new Error("It is watched no more."));
    this.#watched.delete(text);
  }

  /** It is gone: nothing of it is kept. */
  forget(key: Key): void {
    const text = keyText(key);
    this.end(key);
    this.#gathering.get(text)?.cancel();
    this.#gathering.delete(text);
    this.#looked.delete(text);
  }

  has(key: Key): boolean {
    return this.#watched.has(keyText(key));
  }

  /** Of what is watched, all that is meant may have changed. */
  toldOfAll(isMeant: (key: Key) => boolean): void {
    const keys = [...this.#watched.keys()].map(parseKeyText);
    for (const key of keys) if (isMeant(key)) this.told(key);
  }

  close(): void {
    for (const { ending } of this.#watched.values())
      ending.abort(new Error("The control plane is stopping."));
    for (const timer of this.#gathering.values()) timer.cancel();
    this.#watched.clear();
    this.#gathering.clear();
  }
}
