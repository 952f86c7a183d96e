/**
 * A worker as the pool sees it: what it offers, what it has, and when it was heard of last.
 *
 * Its lease is renewed by whatever it says. While its connection is broken it keeps what it has; when the lease has run out,
 * all of that is lost, and what it says later is refused.
 */
import { compareVersions } from "./handler.ts";
import { type MainOrder, type OfferedHandler, type Order, type Target } from "./protocol.ts";
import { Outbox, Session } from "./session.ts";
import type { Demand, Work } from "./work.ts";

/** Whose steps it takes. */
export interface Scope {
  takes(namespace: string, workflow: string): boolean;
  readonly pool: string | undefined;
}

export interface MemberOptions {
  readonly id: string;
  /** For messages: `worker 4711 of handlers.ts`. */
  readonly title: string;
  readonly scope: Scope;
  readonly slots: number;
  readonly now: number;
  readonly receive: (member: Member, target: Target, text: string) => void;
}

export class Member {
  readonly id: string;
  readonly title: string;
  readonly scope: Scope;
  readonly slots: number;
  readonly session: Session;
  readonly work = new Map<number, Work>();
  /** Attempts among the work: what counts against the slots. */
  busySlots = 0;
  heardAt: number;
  /** Takes nothing further. */
  isDraining = false;
  /** Which attempt has the thread is being followed. */
  isPrecise = false;
  /** Until it has offered something it is loading. */
  isLoaded = false;
  readonly #handlers = new Map<string, readonly (string | undefined)[]>();
  #programs: ReadonlySet<string> = new Set();
  readonly #outbox: Outbox;

  constructor({ id, title, scope, slots, now, receive }: MemberOptions) {
    this.id = id;
    this.title = title;
    this.scope = scope;
    this.slots = slots;
    this.heardAt = now;
    this.session = new Session((target, text) => receive(this, target, text));
    this.#outbox = new Outbox((text) => this.session.send("t", text));
  }

  get isFree(): boolean {
    return !this.isDraining && this.session.isConnected && this.busySlots < this.slots;
  }

  get handlerNames(): readonly string[] {
    return [...this.#handlers.keys()];
  }

  offer(handlers: readonly OfferedHandler[], programs: readonly string[]): void {
    this.#handlers.clear();
    for (const { name, version } of handlers)
      this.#handlers.set(name, [...(this.#handlers.get(name) ?? []), version]);
    this.#programs = new Set(programs);
    this.isLoaded = true;
  }

  /** The version with which it can do it, `""` for one without; undefined when it cannot. */
  versionFor({ what, name, namespace, workflow, pool }: Demand): string | undefined {
    if (this.scope.pool !== undefined && this.scope.pool !== pool) return undefined;
    if (!this.scope.takes(namespace, workflow)) return undefined;
    if (what === "program") return this.#programs.has(name) ? "" : undefined;
    return this.#handlerVersion(name);
  }

  #handlerVersion(name: string): string | undefined {
    const at = name.indexOf("@");
    const versions = this.#handlers.get(at < 0 ? name : name.slice(0, at));
    if (versions === undefined) return undefined;
    if (at >= 0) return versions.includes(name.slice(at + 1)) ? name.slice(at + 1) : undefined;
    return versions.length === 1 ? (versions[0] ?? "") : (versions.toSorted(compareVersions).at(-1) ?? "");
  }

  begin(work: Work): void {
    this.work.set(work.id, work);
    if (work.demand.what === "handler") this.busySlots++;
    this.tell(work.order());
  }

  /** It has that no longer. */
  drop(work: Work): void {
    if (this.work.delete(work.id) && work.demand.what === "handler") this.busySlots--;
  }

  tell(order: Order): void {
    this.#outbox.push(JSON.stringify(order));
  }

  /** Behind whatever was told to the thread before. */
  tellMain(...orders: readonly MainOrder[]): void {
    this.#outbox.flush();
    this.session.send("m", JSON.stringify(orders));
  }
}

/** Who does it: the newest version there is, among its workers the one with the least to do. Those of its pool first. */
export function choose(members: Iterable<Member>, demand: Demand): Member | undefined {
  let best: Member | undefined;
  let bestVersion: string | undefined;
  for (const member of members) {
    if (member.isDraining) continue;
    const version = member.versionFor(demand);
    if (version === undefined) continue;
    const order = best === undefined ? 1 : rank(member, version, best, bestVersion ?? "");
    if (order > 0) [best, bestVersion] = [member, version];
  }
  return best?.isFree === true ? best : undefined;
}

/** Above 0 when the first is to be preferred. */
function rank(one: Member, oneVersion: string, other: Member, otherVersion: string): number {
  const byPool = Number(one.scope.pool !== undefined) - Number(other.scope.pool !== undefined);
  if (byPool !== 0) return byPool;
  const byVersion = compareVersions(oneVersion || undefined, otherVersion || undefined);
  if (byVersion !== 0) return byVersion;
  const byFreedom = Number(one.isFree) - Number(other.isFree);
  return byFreedom === 0 ? other.busySlots - one.busySlots : byFreedom;
}
