/**
 * What was admitted is remembered by its text, so that of ten thousand manifests only those are looked at again that are not
 * what they were the last time. What is remembered is frozen and given again as the same object: whoever compares may go by
 * identity first.
 *
 *  - It changes no answer: the same text in the same System is admitted alike, but for pins and what else is there, which are
 *    looked at anew each time.
 *  - Secrets are not remembered (I10), nor is what had something to say about it.
 *  - Of each System the last declaration and the last plan, of a few Systems.
 */
import type { AnyKind } from "../kinds/kind.ts";
import { kindNamed } from "../kinds/registry.ts";
import { type Draft, deepFreeze } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";

const MOST_SYSTEMS = 24;

interface Entry<T> {
  /** An own kind may be another one by now. */
  readonly kind: AnyKind | undefined;
  readonly text: string;
  readonly admitted: T;
}

/** Of one System; between `admitted` for each manifest and `forgetOthers` lies one admission. */
export class Remembered<T extends { readonly resource?: Draft; readonly diagnostics: readonly unknown[] }> {
  #last = new Map<string, Entry<T>>();
  #now = new Map<string, Entry<T>>();

  /** As it was admitted before, else as `admit` does. `address` may be anything that tells manifests apart. */
  admitted(address: string, manifest: unknown, admit: () => T): T {
    const text = JSON.stringify(manifest);
    const known = this.#last.get(address);
    const kind = kindNamed(String((manifest as { readonly kind?: unknown } | null)?.kind));
    const isSame = known?.text === text && known.kind === kind;
    const entry = isSame ? known : { text, kind, admitted: admit() };
    const { resource, diagnostics } = entry.admitted;
    if (resource !== undefined && resource.kind !== "Secret" && diagnostics.length === 0) {
      if (entry !== known) deepFreeze(resource);
      this.#now.set(address, entry);
    }
    return entry.admitted;
  }

  forgetOthers(): void {
    this.#last = this.#now;
    this.#now = new Map();
  }
}

const stores = new WeakMap<Snapshot, Map<string, unknown>>();

/** That of a System in a store. */
export function rememberedOf<T>(live: Snapshot, system: string, make: () => T): T {
  const systems = stores.get(live) ?? new Map<string, unknown>();
  stores.set(live, systems);
  const known = (systems.get(system) as T | undefined) ?? make();
  systems.delete(system);
  systems.set(system, known);
  for (const oldest of systems.keys()) {
    if (systems.size <= MOST_SYSTEMS) break;
    systems.delete(oldest);
  }
  return known;
}

const finished = new WeakMap<Draft, { readonly home: string; readonly result: Draft }>();

/** `finish(draft)`, once for each frozen draft in a home; what is finished stays as it is, the same object. */
export function onceFor(draft: Draft, home: string, finish: () => Draft): Draft {
  if (!Object.isFrozen(draft)) return finish();
  const known = finished.get(draft);
  if (known?.home === home) return known.result;
  const result = deepFreeze(finish());
  finished.set(draft, { home, result });
  finished.set(result, { home, result });
  return result;
}

/** An answer that follows from a store at one revision and from what is asked, given again as long as both are the same. */
export class LastAnswer<T> {
  #answer: { readonly revision: number; readonly asked: readonly unknown[]; readonly answer: T } | undefined;

  /** The last one, as long as the store is at its revision. */
  last(live: Snapshot): T | undefined {
    return this.#answer?.revision === live.revision ? this.#answer.answer : undefined;
  }

  /** `asked`: everything else that the answer depends on; what is the same is the same object or the same text. */
  of(live: Snapshot, asked: readonly unknown[], answer: () => T): T {
    const last = this.#answer;
    const isSame =
      last?.revision === live.revision &&
      last.asked.length === asked.length &&
      last.asked.every((one, index) => one === asked[index]);
    if (isSame) return last.answer;
    const { revision } = live;
    const made = answer();
    this.#answer = { revision, asked, answer: made };
    return made;
  }
}
