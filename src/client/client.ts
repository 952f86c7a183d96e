/**
 * How programs ask a control plane: the contract of the client. `createClient` (http-client.ts) gives one over HTTP.
 */
import type { Clock } from "../clock/clock.ts";
import type { Draft, Resource } from "../model/resource.ts";
import type { ChangeState, OnFailure } from "../planner/change.ts";
import type { Plan } from "../planner/plan.ts";
import type { SavedPlan } from "../planner/saved.ts";
import type { MeasuredSeries, MeasuredValue } from "../provider/monitoring.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import type { ExecSession } from "../provider/provider.ts";
import type { Cause } from "../store/store.ts";
import type { Changes } from "./changes.ts";
import type { DriftAnswers } from "./drift.ts";
import type { WatchEvent, WatchOptions } from "./watch.ts";
import type { Workflows } from "./workflows.ts";

/** What the client must know of a kind. Every kind of the registry is one. */
export interface KindName {
  readonly kind: string;
  readonly plural: string;
  /** Empty for Kubernetes' core kinds. */
  readonly group: string;
  readonly version: string;
  readonly namespaced: boolean;
}

export interface Scope {
  /** `default` when absent. Ignored for kinds that belong to no namespace. */
  readonly namespace?: string;
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends Scope {
  /** As it was: a duration ago (`5m`), an RFC 3339 time, or a revision. */
  readonly at?: string;
  /** Opens the sealed values of this one resource. */
  readonly reveal?: boolean;
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string;
  /** `app=web,tier in (a, b),!canary`. */
  readonly labelSelector?: string;
  /** `metadata.name=api`, `spec.service=api`, `involvedObject.name=api`. */
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly at?: string;
  readonly signal?: AbortSignal;
}

export interface ResourceList<R extends Resource = Resource> {
  readonly items: readonly R[];
  readonly resourceVersion: string;
  /** Present when there is more. */
  readonly continue?: string;
}

export interface WriteOptions extends Scope {
  /** Check everything, change nothing. */
  readonly dryRun?: boolean;
  /** What people read in `why` as the action; the verb when absent. */
  readonly because?: string;
}

export type PatchType = "merge" | "json" | "apply";

export interface RemoveOptions extends WriteOptions {
  readonly propagation?: "Background" | "Foreground" | "Orphan";
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface HistoryItem {
  readonly revision: number;
  /** RFC 3339. */
  readonly time: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly cause: Cause;
  readonly resource: Resource;
}

/** One link of the chain that led to a resource's present state, newest first. */
export interface WhyLink {
  readonly revision: number;
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly address: string;
  /** What changed, one sentence. */
  readonly summary: string;
}

export interface Proposed {
  readonly resources: readonly unknown[];
  readonly action: Plan["action"];
  readonly toRevision?: number;
  /** For `undo`: name of the Change that is taken back. */
  readonly undoes?: string;
  /** The answer leaves out what stays as it is, and the resources themselves. */
  readonly brief?: boolean;
  /** Addresses: only these, with all that they need. */
  readonly targets?: readonly string[];
  /** Addresses: all but these, and what needs them. */
  readonly excludes?: readonly string[];
  /** Addresses of what is made anew although nothing asks for it. */
  readonly replaces?: readonly string[];
  /** Addresses of resources that go while their things stay. */
  readonly forget?: readonly string[];
  /** By address, the id of the existing thing that is taken instead of making one. */
  readonly adopts?: Readonly<Record<string, string>>;
  /** Whether things are looked at for drift; true when absent. */
  readonly refresh?: boolean;
  /** Look only at what may have changed since: a duration before now, an instant, or a revision of the store. */
  readonly since?: string;
  /** Folder that the declaration came from. */
  readonly folder?: string;
}

export interface Planned {
  readonly plan: Plan;
  readonly saved: SavedPlan;
}

export interface Applied {
  readonly plan: Plan;
  /** Number of the revision made; the present one when there was nothing to do. */
  readonly revision: number;
  /** Name of the Change; absent when there was nothing to do. */
  readonly change?: string;
  /** Of the Change: Pending while people have to approve it, Queued while another comes first. */
  readonly state?: ChangeState;
  /** Name of the Approval that it waits for. */
  readonly approval?: string;
  readonly resourceVersion: string;
}

export interface LogQuery extends Scope {
  /** Of another kind than Instance: Machine. */
  readonly of?: KindName;
  readonly follow?: boolean;
  readonly tail?: number;
  /** Seconds. */
  readonly since?: number;
  readonly timestamps?: boolean;
  /** Of the instance that ended last, instead. */
  readonly previous?: boolean;
}

export interface ServiceLogLine {
  readonly instance: string;
  /** RFC 3339. */
  readonly time: string;
  readonly text: string;
}

export interface ExecQuery extends Scope {
  /** Of another kind than Instance: Machine. */
  readonly of?: KindName;
  readonly command: readonly string[];
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

export interface VersionReport {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  /** Tutti's own version. */
  readonly tutti: string;
  readonly platform: string;
}

/** Asking who measures: the control plane, or the Prometheus of a Monitor. */
export interface Measurements {
  /** Instant PromQL; now when `at` (milliseconds) is absent. Histograms are left out. */
  query(
    expression: string,
    options?: { readonly at?: number; readonly signal?: AbortSignal },
  ): Promise<readonly MeasuredValue[]>;
  /** PromQL from `start` to `end`, every `step`; milliseconds. */
  queryRange(
    expression: string,
    range: { readonly start: number; readonly end: number; readonly step: number },
    signal?: AbortSignal,
  ): Promise<readonly MeasuredSeries[]>;
  /** What a Prometheus would answer below `/api/v1/`: `rules`, `alerts`, `targets`. */
  prometheus(path: string, query?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<unknown>;
}

/** All methods reject with ApiError or UnreachableError; when the signal is aborted, with its reason. */
export interface Client extends Measurements {
  readonly url: string;
  readonly workflows: Workflows;
  readonly changes: Changes;
  readonly drift: DriftAnswers;
  get<R extends Resource = Resource>(kind: KindName, name: string, options?: ReadOptions): Promise<R>;
  /** As `get`, undefined when there is none. */
  find<R extends Resource = Resource>(
    kind: KindName,
    name: string,
    options?: ReadOptions,
  ): Promise<R | undefined>;
  list<R extends Resource = Resource>(kind: KindName, options?: ListOptions): Promise<ResourceList<R>>;
  /** Goes on after broken connections until the signal is aborted (then it ends) or the loop is left. */
  watch<R extends Resource = Resource>(
    kind: KindName,
    options?: WatchOptions & Omit<ListOptions, "limit" | "continue" | "at">,
  ): AsyncGenerator<WatchEvent<R>, void, undefined>;
  create(kind: KindName, draft: Draft, options?: WriteOptions): Promise<Resource>;
  /** With metadata.resourceVersion in it: refused with Conflict when it has changed since. */
  update(kind: KindName, resource: Draft, options?: WriteOptions): Promise<Resource>;
  patch(
    kind: KindName,
    name: string,
    patch: unknown,
    options?: WriteOptions & { readonly type?: PatchType },
  ): Promise<Resource>;
  /** The resource on its way out, or undefined when it is gone at once. */
  remove(kind: KindName, name: string, options?: RemoveOptions): Promise<Resource | undefined>;
  /** Merges into `status`. */
  status(kind: KindName, name: string, status: unknown, options?: WriteOptions): Promise<Resource>;
  /** The declared and the present number of copies; with `replicas`, sets it first. */
  scale(
    kind: KindName,
    name: string,
    replicas?: number,
    options?: WriteOptions,
  ): Promise<{ readonly declared: number; readonly present: number }>;
  /** Newest first. */
  history(
    kind: KindName,
    name: string,
    options?: Scope & { readonly limit?: number },
  ): Promise<readonly HistoryItem[]>;
  /** Newest first, back to a person, a schedule or a measurement. */
  why(kind: KindName, name: string, options?: Scope): Promise<readonly WhyLink[]>;
  /** Rejects with ApiError 422 (`diagnostics`) when what is proposed is not right. */
  plan(system: string, proposed: Proposed, options?: Scope): Promise<Plan>;
  /** As `plan`, with what `apply` takes of a file later. */
  savedPlan(system: string, proposed: Proposed, options?: Scope): Promise<Planned>;
  /**
   * As `plan`, then commits, if the plan still has this hash; ApiError 409 otherwise. What has to wait for people or for its
   * turn becomes a Change that waits: see `state`. `dryRun`: only tells whether it would be refused.
   */
  apply(
    system: string,
    proposed: (Proposed & { readonly hash: string }) | { readonly saved: SavedPlan },
    options?: Scope & { readonly onFailure?: OnFailure; readonly dryRun?: boolean },
  ): Promise<Applied>;
  /** What is there at a Location and could be adopted. Rejects with ApiError 422 when the question is not right. */
  discover(query: DiscoveryQuery, signal?: AbortSignal): Promise<Discovery>;
  /** Lines of one instance. */
  log(instance: string, query?: LogQuery): AsyncGenerator<string, void, undefined>;
  /** Lines of all instances of a service, also of those that come while following. */
  serviceLog(
    service: string,
    query?: Omit<LogQuery, "timestamps">,
  ): AsyncGenerator<ServiceLogLine, void, undefined>;
  exec(instance: string, query: ExecQuery): Promise<ExecSession>;
  version(signal?: AbortSignal): Promise<VersionReport>;
  /** What an Alertmanager would answer below `/api/v2/`: `alerts`, `silences`. */
  alertmanager(
    path: string,
    query?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<unknown>;
  /** What the Prometheus of a Monitor has measured, asked through the control plane. */
  observedBy(monitor: string, options?: { readonly namespace?: string }): Measurements;
  /** Whether the control plane is ready to work; false while it starts or stops. */
  health(signal?: AbortSignal): Promise<boolean>;
  /** Closes kept connections; a client may not be used afterwards. */
  close(): void;
}

export interface ClientOptions {
  /** `http://127.0.0.1:7700`. */
  readonly url: string;
  readonly token: string;
  /** A Unix socket to connect to instead. */
  readonly socketPath?: string;
  readonly clock?: Clock;
}
