/**
 * All silences, and which of them silence an alert.
 *
 *   pending --startsAt--> active --endsAt, expire--> expired --retention--> forgotten
 *
 * Invariants
 *  S1 A silence that was answered for is saved: it is there after a `kill -9`.
 *  S2 What an active silence did stays on record: a change of its matchers or start expires it and makes a new one.
 *  S3 Managed silences are level-triggered: they are those of the last list and no others. They are not saved, since
 *     whoever gives the list gives it again, and cannot be changed through the API.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../../clock/clock.ts";
import type { Labels } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import { formatMatchers, matchesAll, sortMatchers } from "./matchers.ts";
import { type Silence, type SilenceMatcher, compiled, problemOf, silenceState } from "./silence.ts";
import type { AlertingState } from "./state.ts";

/** A silence that something else declares. */
export interface ManagedSilence {
  /** Who declares it, unique: `silence/maintenance`, `change/1234`. */
  readonly owner: string;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly createdBy: string;
  readonly comment: string;
}

export type PostedSilence = Omit<Silence, "id" | "updatedAt"> & { readonly id?: string | undefined };

/** Why a silence was not set or expired; one sentence. */
export class SilenceRefused extends Error {
  readonly reason: "Invalid" | "NotFound" | "Managed" | "TooMany";

  constructor(reason: SilenceRefused["reason"], message: string) {
    super(message);
    this.name = "SilenceRefused";
    this.reason = reason;
  }
}

interface Known {
  readonly silence: Silence;
  readonly matchers: readonly Matcher[];
  /** Who declares it, if it is managed. */
  readonly owner?: string;
}

/** How long a silence that has ended is remembered. */
const RETENTION = 120 * 3_600_000;
const MAX_SILENCES = 10_000;
const MAX_REMEMBERED = 20_000;

export class Silences {
  readonly #clock: Clock;
  readonly #state: AlertingState;
  readonly #known = new Map<string, Known>();
  /** By labels: those that match and have not ended. Emptied on each change. */
  readonly #matching = new Map<string, readonly Known[]>();

  constructor(clock: Clock, state: AlertingState, stored: readonly Silence[]) {
    this.#clock = clock;
    this.#state = state;
    for (const silence of stored)
      if (problemOf(silence) === undefined) this.#keep({ silence, matchers: compiled(silence.matchers) });
  }

  list(): readonly Silence[] {
    return [...this.#known.values()].map(({ silence }) => silence);
  }

  get(id: string): Silence | undefined {
    return this.#known.get(id)?.silence;
  }

  /** Ids of the silences that silence those labels now. */
  silencedBy(labels: Labels): readonly string[] {
    const now = this.#clock.now();
    return this.#candidates(labels, now)
      .filter(({ silence }) => silenceState(silence, now) === "active")
      .map(({ silence }) => silence.id);
  }

  /** Makes or changes one and gives its id, which is a new one when history would be rewritten (S2). Throws SilenceRefused. */
  set(posted: PostedSilence): string {
    const now = this.#clock.now();
    const problem = problemOf(posted);
    if (problem !== undefined) throw new SilenceRefused("Invalid", problem);
    const previous = posted.id === undefined || posted.id === "" ? undefined : this.#owned(posted.id);
    const { id: _id, ...fields } = posted;
    if (previous !== undefined && canUpdate(previous, fields, now))
      return this.#save({ ...fields, id: previous.id, updatedAt: now });
    if (this.#known.size >= MAX_SILENCES)
      throw new SilenceRefused("TooMany", `There are ${MAX_SILENCES} silences already: expire some.`);
    if (previous !== undefined) this.expire(previous.id);
    return this.#save({
      ...fields,
      id: randomUUID(),
      startsAt: Math.max(fields.startsAt, now),
      updatedAt: now,
    });
  }

  /** Ends one now; one that has ended stays as it is. Throws SilenceRefused. */
  expire(id: string): void {
    const now = this.#clock.now();
    const silence = this.#owned(id);
    const state = silenceState(silence, now);
    if (state === "expired") return;
    const startsAt = state === "pending" ? now : silence.startsAt;
    this.#save({ ...silence, startsAt, endsAt: now, updatedAt: now });
  }

  /** The whole list; one whose matchers are bad is left out and its problem returned, by owner. */
  setManaged(list: readonly ManagedSilence[]): ReadonlyMap<string, string> {
    const now = this.#clock.now();
    const problems = new Map<string, string>();
    const wanted = new Map(list.map((one) => [uuidOf(one.owner), one] as const));
    for (const known of this.#known.values())
      if (known.owner !== undefined && !wanted.has(known.silence.id)) this.#drop(known.silence.id);
    for (const [id, { owner, ...fields }] of wanted) {
      const silence = { ...fields, id, annotations: {} };
      const problem = problemOf(silence);
      if (problem === undefined) this.#keepManaged(silence, owner, now);
      else {
        this.#drop(id);
        problems.set(owner, problem);
      }
    }
    return problems;
  }

  /** Those that ended longer ago than the retention. */
  forgetOld(): void {
    const now = this.#clock.now();
    for (const { silence, owner } of this.#known.values()) {
      if (owner !== undefined || silence.endsAt + RETENTION > now) continue;
      this.#drop(silence.id);
      this.#state.save({ kind: "silence-forgotten", id: silence.id });
    }
  }

  #keepManaged(silence: Omit<Silence, "updatedAt">, owner: string, now: number): void {
    const before = this.#known.get(silence.id)?.silence;
    const isSame =
      before !== undefined &&
      JSON.stringify({ ...before, updatedAt: 0 }) === JSON.stringify({ ...silence, updatedAt: 0 });
    if (isSame) return;
    this.#keep({ silence: { ...silence, updatedAt: now }, matchers: compiled(silence.matchers), owner });
  }

  #owned(id: string): Silence {
    const known = this.#known.get(id);
    if (known === undefined) throw new SilenceRefused("NotFound", `There is no silence ${id}.`);
    if (known.owner !== undefined)
      throw new SilenceRefused(
        "Managed",
        `Silence ${id} is declared by ${known.owner}: change that instead.`,
      );
    return known.silence;
  }

  #save(silence: Silence): string {
    const matchers = compiled(silence.matchers);
    this.#state.save({ kind: "silence", silence });
    this.#keep({ silence, matchers });
    return silence.id;
  }

  #keep(known: Known): void {
    this.#known.set(known.silence.id, known);
    this.#matching.clear();
  }

  #drop(id: string): void {
    this.#known.delete(id);
    this.#matching.clear();
  }

  #candidates(labels: Labels, now: number): readonly Known[] {
    const remembered = this.#matching.get(labels.key);
    if (remembered !== undefined) return remembered;
    const found = [...this.#known.values()].filter(
      ({ silence, matchers }) => silenceState(silence, now) !== "expired" && matchesAll(matchers, labels),
    );
    if (this.#matching.size >= MAX_REMEMBERED) this.#matching.clear();
    this.#matching.set(labels.key, found);
    return found;
  }
}

/** Whether a change leaves what the silence has done so far as it was. */
function canUpdate(before: Silence, after: Omit<Silence, "id" | "updatedAt">, now: number): boolean {
  const text = (one: { readonly matchers: readonly SilenceMatcher[] }): string =>
    formatMatchers(sortMatchers(compiled(one.matchers)));
  if (text(before) !== text(after)) return false;
  const state = silenceState(before, now);
  if (state === "pending") return after.startsAt >= now;
  // Clients send the start back with whole seconds.
  const second = (time: number): number => Math.floor(time / 1000);
  return state === "active" && second(before.startsAt) === second(after.startsAt) && after.endsAt >= now;
}

/** Always the same for an owner (RFC 9562 version 8: the bits are ours to choose). */
function uuidOf(owner: string): string {
  const hex = createHash("sha256").update(`silence of ${owner}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
