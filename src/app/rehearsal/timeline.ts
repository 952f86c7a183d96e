/**
 * The timeline of a rehearsal, from what the played world reports and from what is written into the store. It decides nothing;
 * it also knows when something last went forward, and until when something is known to be under way.
 */
import type { Moment, MomentType } from "../../cli/rehearsal.ts";
import { conditionOf } from "../../model/condition.ts";
import { LABELS, type Resource, addressOf } from "../../model/resource.ts";
import { APPROVES, type ChangeResource, type ChangeState, stateOf } from "../../planner/change.ts";
import type { Plan } from "../../planner/plan.ts";
import type { Change } from "../../store/store.ts";
import type { Begun, Happenings } from "./happenings.ts";

export interface TimelineParts {
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly now: () => number;
  readonly plan: Pick<Plan, "system" | "namespace" | "steps">;
}

/** What became of one resource. */
export interface Course {
  began?: number;
  ended?: number;
  /** Milliseconds since the epoch, of the last failure, with its reason. */
  trouble?: { readonly at: number; readonly why: string; readonly isFinal: boolean };
  /** Begun, and never to be answered. */
  hungSince?: number;
}

/** Reasons of a condition that pass by themselves. */
const CALM: ReadonlySet<string> = new Set([
  "WaitingFor",
  "NotReady",
  "Replacing",
  "Pending",
  "Scaling",
  "RollingOut",
  "Starting",
  "Paused",
  "Held",
  "Ready",
  "AllReady",
]);
/** Of what the plan says, how it is done. */
const MEANT: Readonly<Record<Begun["deed"], ReadonlySet<string>>> = {
  create: new Set(["replace", "adopt"]),
  update: new Set(["replace", "move"]),
  remove: new Set(["replace", "delete"]),
};
/** Who fails on and on is not told of each time. */
const MOST_RETRIES = 4;
const ROLLOUT_FAILED: ReadonlySet<string> = new Set(["RolloutFailed", "RolledBack"]);
const RECORDS: ReadonlySet<string> = new Set([
  "Change",
  "Revision",
  "Event",
  "Instance",
  "Approval",
  "System",
]);

export class Timeline implements Happenings {
  readonly moments: Moment[] = [];
  readonly courses = new Map<string, Course>();
  /** Changes that were made on the way, in their order. */
  readonly changes = new Map<string, ChangeResource>();
  readonly intervals: (readonly [from: number, until: number | undefined])[] = [];
  lastProgress: number;
  /** The latest end of anything that is under way and will end. */
  busyUntil: number;
  readonly #parts: TimelineParts;
  readonly #actions: ReadonlyMap<string, string>;

  constructor(parts: TimelineParts) {
    this.#parts = parts;
    this.lastProgress = parts.start;
    this.busyUntil = parts.start;
    this.#actions = new Map(parts.plan.steps.map(({ address, action }) => [address, action]));
  }

  /** Since the beginning, milliseconds. */
  since(time: number): number {
    return Math.round(time - this.#parts.start);
  }

  /** Something from outside: a crash, an alert, a decision. */
  note(type: MomentType, address: string, text: string): void {
    this.#add(this.#parts.now(), type, address, text);
    this.lastProgress = this.#parts.now();
  }

  begun({ address, deed, at, nth, until, isHopeless }: Begun): void {
    const course = this.courses.get(address);
    if (course === undefined) return;
    this.intervals.push([at, until]);
    if (until === undefined) course.hungSince ??= at;
    else if (!isHopeless) this.busyUntil = Math.max(this.busyUntil, until);
    if (course.began !== undefined && course.ended === undefined) {
      if (address.startsWith("service/") || nth > MOST_RETRIES) return;
      return this.#add(at, "retries", address, `is tried again (${nth})`);
    }
    course.began = at;
    delete course.ended;
    const action = this.#actions.get(address) ?? "";
    this.#add(at, "begins", address, `begins (${MEANT[deed].has(action) ? action : deed})`);
    if (!isHopeless) this.lastProgress = at;
  }

  changed(changes: readonly Change[]): void {
    for (const change of changes) this.#changed(change);
  }

  #changed(change: Change): void {
    const { key, resource, type } = change;
    if (key.kind === "Change") return this.#ofChange(resource as ChangeResource, change);
    if (key.kind === "Approval") return this.#ofApproval(change);
    const { system, namespace } = this.#parts.plan;
    const isOurs = resource.metadata.labels?.[LABELS.system] === system && key.namespace === namespace;
    if (!isOurs || RECORDS.has(key.kind)) return;
    const address = addressOf(resource);
    const course = this.courses.get(address) ?? {};
    this.courses.set(address, course);
    if (type === "DELETED") this.#end(course, change.time, address, "gone", "is gone");
    else this.#ofResource(address, course, change);
  }

  #ofResource(address: string, course: Course, { resource, previous, time }: Change): void {
    if (isMade(resource)) {
      if (previous !== undefined && isMade(previous)) return;
      const isPassive = conditionOf(resource, "Ready") === undefined;
      course.began ??= time;
      this.#end(course, time, address, "ready", isPassive ? "is there" : "ready");
      return;
    }
    if (resource.metadata.generation !== previous?.metadata.generation) delete course.ended;
    const failed = finalFailure(resource);
    if (failed === undefined) this.#unready(address, course, resource, time);
    else if (course.trouble?.isFinal !== true || course.trouble.why !== failed) {
      course.trouble = { at: time, why: failed, isFinal: true };
      this.#add(time, "failed", address, `has failed: ${failed}`);
      this.lastProgress = time;
    }
  }

  #unready(address: string, course: Course, resource: Resource, time: number): void {
    const ready = conditionOf(resource, "Ready");
    if (ready === undefined || ready.status === "True" || CALM.has(ready.reason)) return;
    if (course.trouble?.why === ready.message) return;
    course.trouble = { at: time, why: ready.message, isFinal: false };
    this.#add(time, "fails", address, `is not ready: ${ready.message}`);
  }

  #end(course: Course, time: number, address: string, type: "ready" | "gone", text: string): void {
    course.ended = time;
    delete course.trouble;
    delete course.hungSince;
    this.lastProgress = time;
    this.#add(time, type, address, text);
  }

  #ofChange(change: ChangeResource, { previous, time, type }: Change): void {
    const { metadata, spec } = change;
    const { system, namespace } = this.#parts.plan;
    if (spec.system !== system || metadata.namespace !== namespace || type === "DELETED") return;
    this.changes.set(metadata.name, change);
    const before = previous as ChangeResource | undefined;
    this.#state(change, before, time);
    this.#stages(change, before, time);
  }

  #state(change: ChangeResource, before: ChangeResource | undefined, time: number): void {
    const state = stateOf(change);
    const address = addressOf(change);
    const message = change.status?.message;
    const news = message === before?.status?.message ? undefined : message;
    if (before !== undefined && stateOf(before) === state) {
      if (news !== undefined) this.#add(time, "waits", address, news);
      return;
    }
    const { undoes } = change.spec;
    const back = before === undefined && undoes !== undefined ? ` (takes back change/${undoes})` : "";
    const why = news === undefined ? "" : `: ${news}`;
    this.#add(time, "change", address, `${WORDS[state]}${back}${why}`);
    this.lastProgress = time;
  }

  #stages(change: ChangeResource, before: ChangeResource | undefined, time: number): void {
    const stages = change.status?.stages ?? [];
    for (const { addresses, wave } of stages.slice(before?.status?.stages?.length ?? 0)) {
      const what = addresses === undefined ? "all of it" : `${addresses.length} of its resources`;
      const name = wave === undefined ? "a stage" : `wave ${wave + 1}`;
      this.#add(time, "stage", addressOf(change), `commits ${name}: ${what}`);
      this.lastProgress = time;
    }
  }

  #ofApproval({ resource, previous, time }: Change): void {
    if (resource.metadata.labels?.[LABELS.system] !== this.#parts.plan.system) return;
    if (resource.metadata.annotations?.[APPROVES] === undefined) return;
    const state = approvalState(resource);
    if (previous !== undefined && approvalState(previous) === state) return;
    this.#add(time, "approval", addressOf(resource), state === "Pending" ? "is asked for" : `is ${state}`);
    this.lastProgress = time;
  }

  #add(time: number, type: MomentType, address: string, text: string): void {
    this.moments.push({ at: this.since(time), type, address, text });
  }
}

const WORDS: Readonly<Record<ChangeState, string>> = {
  Pending: "waits for approval",
  Queued: "waits for its turn",
  InProgress: "is under way",
  Held: "is held",
  RollingBack: "is taken back",
  Succeeded: "has succeeded",
  Failed: "has failed",
  RolledBack: "was taken back",
  Superseded: "was superseded",
  Rejected: "was rejected",
  Expired: "has expired",
  Void: "is void",
};

function approvalState({ status }: Resource): string {
  return (status as { readonly state?: string } | undefined)?.state ?? "Pending";
}

/** Ready as it is declared now; what has no conditions is there as soon as it is written. */
export function isMade(resource: Resource): boolean {
  if (resource.metadata.deletionTimestamp !== undefined) return false;
  const ready = conditionOf(resource, "Ready");
  if (ready === undefined) return PASSIVE.has(resource.kind);
  const { generation } = resource.metadata;
  return ready.status === "True" && (ready.observedGeneration ?? generation) === generation;
}

/** Nothing is made for them. */
const PASSIVE: ReadonlySet<string> = new Set(["Secret", "ConfigMap", "Namespace", "ResourceSet", "Location"]);

export function finalFailure(resource: Resource): string | undefined {
  const { generation } = resource.metadata;
  const failed = conditionOf(resource, "Failed");
  if (failed?.status === "True" && (failed.observedGeneration ?? generation) === generation)
    return failed.message;
  const progressing = conditionOf(resource, "Progressing");
  return progressing?.status === "False" && ROLLOUT_FAILED.has(progressing.reason)
    ? progressing.message
    : undefined;
}
