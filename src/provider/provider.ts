/**
 * The contract between Tutti and one outside thing, for one kind and class: who can do it. An adapter observes, makes so
 * and removes; it keeps nothing that it could not find out again by looking (observation beats memory).
 *
 * Rules for every implementation (provider/conformance.ts)
 *  P1 `ensure` is idempotent and complete: it observes, then creates or changes, then says what is there. There is no
 *     separate create. Called again after a crash at any point it finishes what was begun (I3).
 *  P2 What is made carries a deterministic identity (from `Identity`), by which `observe` finds it without any record.
 *  P3 `remove` is idempotent; what is not there is removed. It removes only what it made or adopted (I9).
 *  P4 Outputs hold no secret in the open: secret outputs are sealed with the keyring given in the context.
 *  P5 What `actual` says is what `ensure` would set back; what it cannot read back it leaves out.
 *  P6 A call whose signal was aborted changes nothing any more, and should end. It is aborted when its time is over
 *     (`lifecycle.timeouts`); its answer is not heard then, and another call of the same thing may follow at once.
 *  P7 `Identity.uid` tells one thing from another: `UID.2` is made beside `UID` where `canCreateBeforeDestroy` says that this can
 *     be. Where a name outside can be there only once, it says nothing.
 *  P8 What `watch` tells is a hint, and nothing depends on it: a class that cannot be told of everything tells what it can,
 *     and after its engine was away it tells of everything that is watched there.
 *
 * What it can count on: one thing (uid, whatever the incarnation) is worked on by one call at a time; `status.made` is in the
 * store before the first call that may make something, and `remove` is given that spec, not what is declared by then. An
 * answer that is no `Observation` (`ready` that is no boolean, outputs that JSON cannot say, names that the control plane
 * writes itself) is refused as ProviderAnsweredGarbage, and nothing of it is recorded.
 *
 * Outcomes of a call: a value; `TerminalError`: it cannot work until somebody changes something, say so and stop;
 * `RequeueAfter`: not yet, look again later; any other error: try again with back-off.
 */
import type { Clock } from "../clock/clock.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Key, Resource } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { ContainerSettings } from "./container.ts";

export interface Identity {
  readonly kind: string;
  readonly namespace: string;
  /** What was moved to another name keeps here the one by which it was made. */
  readonly name: string;
  /** Of a thing that is made anew beside the former one, with what tells them apart behind it: `UID.2`. */
  readonly uid: string;
}

/** What is wanted: the spec with every reference resolved. Secrets are sealed in it; open them with the keyring where they are used. */
export interface Desired<S = unknown> {
  readonly identity: Identity;
  readonly spec: S;
  /** What `ensure` reported last; hints only, never the truth. */
  readonly status: Readonly<Record<string, unknown>> | undefined;
  /** Requests to controllers and providers, such as `tutti.dev/rotate`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Observation {
  /** Fields of `status` as they are now; secret ones sealed. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** It does what it should. When false, `message` says why not. */
  readonly ready: boolean;
  readonly message?: string;
  /** Look again after so many milliseconds although it is ready: something is under way. */
  readonly lookAfter?: number;
  /**
   * What can be read back of what it was made from, as it is now: a part of the spec, in the same places. Where it differs
   * from that spec, the thing has drifted. Secret values are sealed, or left out; null says that something is not there.
   * Under a name that the spec does not know stands what differs from how the provider makes such things.
   */
  readonly actual?: Readonly<Record<string, unknown>>;
}

/** Something that is there and that nobody here made, or not this resource: what could be adopted. */
export interface Found {
  /** By which `adopt` takes it. */
  readonly id: string;
  /** A name for the resource; need not be free nor valid. */
  readonly name: string;
  /** From which it could have been made, as far as can be read back; what was said in `where` may be left out. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** What it is, in a few words for people: "bridge network, 3 containers". */
  readonly description: string;
  /** What has to be known before it is taken, one sentence each. */
  readonly remarks?: readonly string[];
  /** The resource of this control plane that it was made for; it may be gone. */
  readonly owner?: Identity;
  /** To what else it belongs, in words: "another control plane". */
  readonly ownedBy?: string;
}

/** Something there is only so much of: instances, gigabytes, addresses. */
export interface Capacity {
  /** For people, in the plural: `instances`, `bytes of disk`. */
  readonly name: string;
  /** Undefined when it is not bounded. */
  readonly limit?: number;
  readonly used: number;
  /** How much of it a thing of this spec takes; 0 for what takes none. */
  readonly needs: (spec: Readonly<Record<string, unknown>>) => number;
  /** More may be promised than there is, for not all of it is used at once: beyond the limit is a warning. */
  readonly overcommit?: true;
  /** `bytes`: told as 1.5Gi; a plain count when absent. */
  readonly unit?: "bytes";
}

/** One number of what a provider made, named and in units as Prometheus' conventions have it: `tutti_database_size_bytes`. */
export interface Measurement {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly value: number;
}

/** What is about to be declared: references in its spec are not resolved yet. */
export interface Prospect {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of the declaration, absolute. */
  readonly folder: string;
  /** The spec with every reference resolved, secrets sealed; undefined unless all that it refers to is there and ready. */
  readonly resolved?: () => Readonly<Record<string, unknown>> | undefined;
  /** There is no such resource yet. */
  readonly isNew?: boolean;
  /** The id of what it is to take, instead of making one. */
  readonly adopts?: string;
}

/** Stands in an `Expectation` where a value shows only once something else has been made. */
export const UNKNOWN: unique symbol = Symbol("unknown");

/** What a resource is to be, as far as is known while a plan is made. */
export interface Expectation<S = unknown> {
  readonly namespace: string;
  readonly name: string;
  /** Of the declaration, absolute. */
  readonly folder: string;
  /** With every reference resolved, secrets sealed; `UNKNOWN` in the place of what is not known yet. */
  readonly spec: S;
  /** What is there, with the spec by which it was made; absent when it is to be made, also when it is made anew. */
  readonly current?: Desired<S>;
}

/** What a provider says would come of an `Expectation`. JSON. */
export interface Foreseen {
  /** Paths of the spec, such as `config.size`, by which what is there cannot go on: it is made anew. */
  readonly replaceBecause?: readonly string[];
  /** What will be different beside what is declared. */
  readonly changes?: readonly ForeseenChange[];
  /** What people should know before they agree, one sentence each. */
  readonly remarks?: readonly string[];
}

export interface ForeseenChange {
  /** Of the resource: `status.output.address`. */
  readonly path: string;
  readonly before?: unknown;
  /** Absent when it goes, and when it is `unknown`. */
  readonly after?: unknown;
  /** Shows only when it is done. */
  readonly unknown?: true;
  /** Both values are sealed. */
  readonly secret?: true;
}

/** What stands against making it, as far as can be seen before: a port that is taken, a program that is missing. */
export type Obstacle = Omit<Diagnostic, "severity" | "address" | "source">;

/** What every call is given. */
export interface CallContext {
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly signal: AbortSignal;
}

export interface ProviderContext extends CallContext {
  /** The opened values of a Secret, or undefined when there is none. */
  readonly readSecret: (namespace: string, name: string) => Readonly<Record<string, string>> | undefined;
  /** Any resource as it is now: the Backup that a Database begins from. Nothing is found when absent. */
  readonly lookUp?: (key: Key) => Resource | undefined;
}

/** What is given to who looks for more than one thing. */
export type LookingContext = CallContext & Pick<ProviderContext, "lookUp">;

export interface Provider<S = unknown> {
  readonly kind: string;
  /** `process`, `embedded`, `docker`. */
  readonly class: string;
  /** What it can do and what it cannot, in words for people and for `auto`. */
  readonly capabilities: readonly string[];
  /** What it has of what kinds mark as `needs` (kinds/features.ts); none when absent. A declaration that needs more is refused. */
  readonly features?: readonly string[];
  /** So many calls at once at most; 64 when absent. */
  readonly parallelism?: number;
  /** Nothing of it is outside, so nobody else can change it: it is never observed. */
  readonly isInside?: boolean;
  /** A second thing of another incarnation (`Identity.uid`) can be made while the first is there. */
  readonly canCreateBeforeDestroy?: boolean;
  /** Milliseconds that each answer may take while a plan is made; 10 s when absent. */
  readonly patience?: number;
  /**
   * What the files that a declaration names hold now, for the plan and the Revision: it stands in `spec.digest`, so that
   * another content is a change. Of kind Resource; undefined when nobody can tell. Called before a plan is made.
   */
  pin?(prospect: Prospect): Promise<string | undefined>;
  /** Asked while a plan is made, with one context for all of it. Changes nothing. */
  obstacles?(prospect: Prospect, context: CallContext): Promise<readonly Obstacle[]>;
  /**
   * What would come of it, asked while a plan is made of what is to be made or changed: the plan shows it, and does what it
   * says. `ensure` does not make anew by itself what it was not said of: it refuses with TerminalError. Changes nothing.
   */
  plan?(expected: Expectation<S>, context: ProviderContext): Promise<Foreseen>;
  /** What there is left of what is bounded, asked while a plan is made. Changes nothing. */
  capacities?(context: CallContext): Promise<readonly Capacity[]>;
  /**
   * What is there, whoever made it, for adoption. Changes nothing. `where`: the parts of a spec that say where to look, such
   * as `server` of a Database, with every reference resolved. Rejects with TerminalError when it needs to be told.
   */
  list?(context: LookingContext, where: Readonly<Record<string, unknown>>): Promise<readonly Found[]>;
  /**
   * Takes what has this id as the thing of this resource, without changing it: from now on `observe` finds it. Idempotent.
   * Rejects with TerminalError when it is not there or another resource's.
   */
  adopt?(desired: Desired<S>, id: string, context: ProviderContext): Promise<Observation>;
  /** Lets go of the thing without removing it: it bears no trace of Tutti any more, where it can. Idempotent. */
  release?(desired: Desired<S>, context: ProviderContext): Promise<void>;
  /** What is there, or undefined. Changes nothing. */
  observe(desired: Desired<S>, context: ProviderContext): Promise<Observation | undefined>;
  ensure(desired: Desired<S>, context: ProviderContext): Promise<Observation>;
  /**
   * From now on until the context's signal is aborted: `changed` is called when the thing may have been changed by whomever,
   * as far as the class is told of that, and once after anything that it may have missed (its engine was away). It may be
   * called for nothing and often: a hint, after which it is observed. Throws nothing; what it listens to it opens by
   * itself, and again when that is lost.
   */
  watch?(desired: Desired<S>, changed: () => void, context: LookingContext): void;
  /** Runs a command in it, beside what it does. Rejects with TerminalError when it does not run. */
  exec?(
    desired: Desired<S>,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    context: CallContext,
  ): Promise<ExecSession>;
  /** What was printed on its console since its start, as far as that is kept. */
  console?(desired: Desired<S>, context: CallContext): Promise<string>;
  /** What it has and uses, for monitoring. Asked every few seconds: quick, and changes nothing. Rejects while it does not answer. */
  measure?(desired: Desired<S>, context: ProviderContext): Promise<readonly Measurement[]>;
  /** `keepData`: the declaration asks to retain what it holds. Resolves with what was kept, one phrase each. */
  remove(
    desired: Desired<S>,
    context: ProviderContext & { readonly keepData: boolean },
  ): Promise<readonly string[]>;
}

/** One copy of a service to be run. */
export interface InstanceSpec {
  readonly service: string;
  readonly template: string;
  readonly run: ContainerSettings & {
    /** Absent only with an image. */
    readonly command?: string | readonly string[];
    readonly workingDirectory: string;
    /** Absolute folder that the working directory is relative to. */
    readonly folder: string;
    /** Values may be sealed. */
    readonly env: Readonly<Record<string, string | number | boolean>>;
    readonly ports: readonly { readonly name: string; readonly protocol: "http" | "tcp" }[];
    readonly volumes: readonly {
      readonly volume: string;
      readonly path: string;
      /** Where it is for real: a folder of the machine, an engine's volume by its name there. */
      readonly source?: { readonly path?: string; readonly volume?: string };
    }[];
    readonly networks?: readonly string[];
    readonly resources: { readonly cpu?: string; readonly memory?: string };
    readonly stop: { readonly signal: string; readonly grace: string; readonly drain: string };
    /**
     * It runs to its end, once: `ended` tells how that was, also when nobody watched, and `logs` tells its two streams
     * apart. `input` is what it reads; it may be sealed. A command is taken as it is written.
     */
    readonly once?: { readonly input?: string };
  };
  readonly ports: Readonly<Record<string, number>>;
}

export interface Started {
  /** By what it is found again: pid and start time, a container id. */
  readonly identity: Readonly<Record<string, string | number>>;
  readonly host: string;
  /** What of the limits is enforced, in words. */
  readonly limits: readonly string[];
  /** The image says itself how it is checked, and `onHealth` tells what came of it. */
  readonly reportsHealth?: boolean;
}

/** What the engine's own check of an instance came to. */
export interface EngineHealth {
  readonly identity: Identity;
  readonly healthy: boolean;
  /** One sentence. */
  readonly message: string;
}

export interface Exit {
  readonly identity: Identity;
  readonly code: number | null;
  readonly signal: string | null;
  /** One sentence: "exited with code 1 after 3s: Error: no such table". */
  readonly message: string;
  /** It was killed because it used more memory than it may. */
  readonly isOutOfMemory?: true;
}

export interface LogOptions {
  /** Of the service's instance that ended last, instead. */
  readonly previous?: boolean;
  readonly tail?: number;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface LogLine {
  /** Milliseconds since the epoch, as near as the class knows. */
  readonly time: number;
  readonly text: string;
  /** Of what runs to its end. */
  readonly stream?: "stdout" | "stderr";
  /** The line goes on in the next one of its stream. */
  readonly isPartial?: true;
}

export interface ExecSession {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  write(bytes: Uint8Array): void;
  endInput(): void;
  resize(columns: number, rows: number): void;
  kill(): void;
  readonly exitCode: Promise<number>;
}

/** What an instance with all it started uses. Absent is what the class does not know. */
export interface InstanceStats {
  /** Since its start. It may fall when a part of it detached itself: a counter that began anew. */
  readonly cpuSeconds: number;
  /** Resident. */
  readonly memoryBytes: number;
  readonly openFiles?: number;
  readonly maxOpenFiles?: number;
  readonly networkReceivedBytes?: number;
  readonly networkSentBytes?: number;
}

/** Runs instances: the provider contract of kind Service. The same rules hold; an instance's uid is its identity. */
export interface InstanceProvider {
  readonly class: string;
  readonly capabilities: readonly string[];
  /** What it has of what Service marks as `needs` (kinds/features.ts). */
  readonly features?: readonly string[];
  /**
   * The exact image that a declaration means now, for the plan and the Revision; undefined when it names none or nobody
   * can tell. May fetch it. Called before a plan is made.
   */
  pin?(prospect: Prospect): Promise<string | undefined>;
  /** Asked of a Service while a plan is made. Changes nothing. */
  obstacles?(prospect: Prospect, context: CallContext): Promise<readonly Obstacle[]>;
  /** What runs there that no control plane started, as the Services that it could become: made anew beside it. Changes nothing. */
  list?(context: CallContext): Promise<readonly Found[]>;
  /** What there is left of what is bounded, asked while a plan is made. Changes nothing. */
  capacities?(context: CallContext): Promise<readonly Capacity[]>;
  /** Starts it, or finds it running. */
  start(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<Started>;
  /** Undefined when it does not run. */
  find(
    identity: Identity,
    known: Readonly<Record<string, string | number>> | undefined,
  ): Promise<Started | undefined>;
  /** What can be read back of `spec.run`, as it is now, in the same places; undefined when it does not run. Changes nothing. */
  actual?(
    identity: Identity,
    spec: InstanceSpec,
    context: CallContext,
  ): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** As `Provider.watch`, for what `actual` reads back. `known`: the `identity` with which it was started. */
  watch?(
    identity: Identity,
    spec: InstanceSpec,
    known: Readonly<Record<string, string | number>> | undefined,
    changed: () => void,
    context: CallContext,
  ): void;
  /** Makes what `actual` reads back as `spec.run` has it again, without ending it. */
  setBack?(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<void>;
  /** Asks it to end, waits, kills what is left of it, and removes its traces but its log. Idempotent. */
  stop(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<void>;
  /** Removes what is left: logs, scratch folders. `keepLog`: the log of an instance that ended by itself stays for `logs --previous`. */
  purge(identity: Identity, spec: InstanceSpec, options: { readonly keepLog: boolean }): Promise<void>;
  /** Removes what was kept of a service whose last instance is gone. */
  forget(service: { readonly namespace: string; readonly name: string }): Promise<void>;
  /** Called with every end of an instance that this provider started or found. */
  onExit(listener: (exit: Exit) => void): () => void;
  /** Called when the engine's own check of an instance changes its mind, and once for each that is found at start. */
  onHealth?(listener: (health: EngineHealth) => void): () => void;
  /**
   * How what runs to its end (`run.once`) ended; undefined while it runs, and when there is no trace of it: it was never
   * started, or was lost with what it ran on. Known until it is purged.
   */
  ended?(identity: Identity, spec: InstanceSpec, context: CallContext): Promise<Exit | undefined>;
  /** What of a kind runs that this control plane, or one before it, started. */
  running?(kind: string): Promise<readonly Identity[]>;
  /**
   * A file that it left, relative to its working directory; undefined when there is none. Rejects with TerminalError when
   * it has more than `most` bytes.
   */
  fileOf?(
    identity: Identity,
    spec: InstanceSpec,
    path: string,
    most: number,
  ): Promise<Uint8Array | undefined>;
  /** As many port numbers, free now and not in `taken`. */
  allocatePorts(count: number, taken: ReadonlySet<number>): Promise<readonly number[]>;
  logs(identity: Identity, spec: InstanceSpec, options: LogOptions): AsyncIterable<LogLine>;
  exec(
    identity: Identity,
    spec: InstanceSpec,
    command: readonly string[],
    options: { readonly tty: boolean; readonly stdin: boolean },
    context: CallContext,
  ): Promise<ExecSession>;
  /** What instances use, by uid; those that do not run are left out. Asked about once a second, so all at once. */
  stats(identities: readonly Identity[]): Promise<ReadonlyMap<string, InstanceStats>>;
}

/** Where a balancer may send requests. */
export interface Member {
  /** The instance's name. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Draining: what runs may end, nothing new comes. */
  readonly state: "ready" | "draining";
}

/** What a balancer has seen of one member in the last seconds. */
export interface MemberStats {
  readonly pool: string;
  readonly id: string;
  readonly requests: number;
  readonly errors: number;
  /** Time to answer, median or mean of the last few seconds, milliseconds. */
  readonly latency: number;
  /** Hardly anything was answered in them: the latency is of before. */
  readonly isStale?: boolean;
  readonly inFlight: number;
}

/** Kind LoadBalancer. `ensure` makes listeners and routes; who is behind them changes often and has a way of its own. */
export interface TrafficProvider extends Provider {
  /** Resolves when it is in force: after that nothing new goes to a member that is missing or draining. */
  setMembers(identity: Identity, pool: string, members: readonly Member[]): Promise<void>;
  /** Resolves when nothing is in flight to the member any more, or after `timeout` milliseconds. */
  drain(identity: Identity, pool: string, member: string, timeout: number): Promise<void>;
  stats(identity: Identity): Promise<readonly MemberStats[]>;
  /** Pools for which a request or a connection is held at this moment, because no member is ready. Asked often. */
  waiting(identity: Identity): Promise<readonly string[]>;
  /** What it counts, in Prometheus' text format. */
  metrics(identity: Identity): Promise<string>;
  /**
   * Answers `GET /.well-known/acme-challenge/<token>` with the value on every http listener, whatever the routes say
   * (RFC 8555, 8.3); those that are missing are answered no more. In force when it resolves.
   */
  setChallenges(identity: Identity, challenges: Readonly<Record<string, string>>): Promise<void>;
}

/** What a backup holds and how it was made. */
export interface BackupReport {
  readonly bytes: number;
  /** Of the content: equal for equal content, however it is stored. */
  readonly checksum: string;
  /** What made it, in words: "pg_dump 15.10". */
  readonly method: string;
}

/**
 * Kind Database, of a class that can be backed up. Paths are of the machine that the control plane runs on. A call that
 * is cut off leaves what the next one of the same kind replaces; only who called knows the folder, and removes it.
 */
export interface DatabaseProvider extends Provider {
  /** Writes a consistent copy into the empty folder at `path`, on disk when it resolves, without disturbing who uses the database. */
  backup(desired: Desired, path: string, context: ProviderContext): Promise<BackupReport>;
  /** The checksum that a restore of what is at `path` has: restored into a scratch place that is gone afterwards. */
  verify(desired: Desired, path: string, context: ProviderContext): Promise<string>;
  /** Of the content as it is now. */
  checksum(desired: Desired, context: ProviderContext): Promise<string>;
  /** Drops from the archive for point-in-time recovery what none of these backups needs. */
  prune?(desired: Desired, kept: readonly string[], context: ProviderContext): Promise<void>;
}

/** Kind Volume or Machine, of a class that can take snapshots. A snapshot has an identity of its own and outlives what it is of. */
export interface SnapshotProvider extends Provider {
  /** Idempotent: finishes what was begun, takes nothing twice. */
  snapshot(
    desired: Desired,
    snapshot: Identity,
    context: ProviderContext,
  ): Promise<{ readonly bytes: number; readonly path?: string }>;
  removeSnapshot(snapshot: Identity, context: ProviderContext): Promise<void>;
}

export type VolumeProvider = SnapshotProvider;

/** Nothing will be right until somebody changes something: the declaration, a file, a permission. Not retried. */
export class TerminalError extends Error {
  readonly diagnostic: Omit<Diagnostic, "severity">;

  constructor(diagnostic: Omit<Diagnostic, "severity">) {
    super(diagnostic.hint === undefined ? diagnostic.message : `${diagnostic.message} ${diagnostic.hint}`);
    this.name = "TerminalError";
    this.diagnostic = diagnostic;
  }
}

export function fileTooLarge(path: string, most: number): TerminalError {
  return new TerminalError({
    code: "FileTooLarge",
    message: `The file '${path}' has more than ${most} bytes.`,
    hint: "Leave it where it is, and give its place as the result.",
  });
}

/** Not an error: there is nothing to do before `delay` milliseconds have passed. */
export class RequeueAfter extends Error {
  readonly delay: number;

  constructor(delay: number, reason: string) {
    super(reason);
    this.name = "RequeueAfter";
    this.delay = delay;
  }
}
