/**
 * What is changed in a zone by others: its serial number is asked for every few seconds, and where that has grown the zone is
 * had whole (AXFR) and compared with how it was.
 *
 *     serial grown -> transfer -> sets of records that are other ones -> told to who watches them
 *
 *  - One question for a zone at a time, however many of its records are watched.
 *  - While the server was away, or does not hand the zone over, all of it may have changed.
 */
import type { Clock } from "../../clock/clock.ts";
import type { NameServer } from "./server.ts";
import type { RecordSet } from "./wire.ts";

/** Milliseconds. */
const EVERY = 2_000;

interface Watcher {
  /** `www.shop.test/A`. */
  readonly sets: readonly string[];
  readonly changed: () => void;
}

interface Watched {
  readonly watchers: Set<Watcher>;
  readonly ending: AbortController;
}

export class ZoneChanges {
  readonly #zones = new Map<string, Watched>();

  /** Until the signal is aborted. `open`: the server, for as long as the signal it is given lasts. */
  watch(
    zone: {
      readonly key: string;
      readonly domain: string;
      readonly open: (signal: AbortSignal) => NameServer;
    },
    watcher: Watcher,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ): void {
    const known = this.#zones.get(zone.key);
    const watched = known ?? { watchers: new Set(), ending: new AbortController() };
    watched.watchers.add(watcher);
    signal.addEventListener("abort", () => this.#leave(zone.key, watched, watcher), { once: true });
    if (known !== undefined) return;
    this.#zones.set(zone.key, watched);
    void follow(zone.domain, zone.open(watched.ending.signal), watched, clock);
  }

  #leave(key: string, watched: Watched, watcher: Watcher): void {
    watched.watchers.delete(watcher);
    if (watched.watchers.size > 0) return;
    this.#zones.delete(key);
    watched.ending.abort(new Error("Nobody watches the zone any more."));
  }
}

/** Ends with the signal. */
async function follow(
  domain: string,
  server: NameServer,
  { watchers, ending: { signal } }: Watched,
  clock: Clock,
): Promise<void> {
  let before: State | undefined;
  while (!signal.aborted) {
    const now = await stateOf(domain, server, before);
    if (signal.aborted) return;
    for (const { sets, changed } of watchers) if (sets.some((set) => mayDiffer(before, now, set))) changed();
    before = now;
    await clock.sleep(EVERY, signal).catch(() => undefined);
  }
}

/** `sets` is absent of a zone that could not be had. */
interface State {
  readonly serial?: number;
  readonly sets?: ReadonlyMap<string, string>;
}

async function stateOf(domain: string, server: NameServer, before: State | undefined): Promise<State> {
  try {
    const serial = await server.serial(domain);
    if (serial === undefined) return {};
    if (serial === before?.serial) return before;
    const sets = await server.transfer(domain).catch(() => undefined);
    return { serial, ...(sets === undefined ? {} : { sets: new Map(sets.map(entryOf)) }) };
  } catch {
    return {};
  }
}

function entryOf({ name, type, ttl, values }: RecordSet): readonly [string, string] {
  return [`${name}/${type}`, JSON.stringify([ttl, values])];
}

/** Of what is seen for the first time nothing is told: it has just been looked at. */
function mayDiffer(before: State | undefined, now: State, set: string): boolean {
  if (before === undefined || before === now || now.serial === undefined) return false;
  return before.sets === undefined || now.sets === undefined || before.sets.get(set) !== now.sets.get(set);
}
