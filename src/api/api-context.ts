/** What every part of the API works with. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../clock/clock.ts";
import type { Logger } from "../controller/reconciler.ts";
import type { AnyKind } from "../kinds/kind.ts";
import type { Draft } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Discovery, DiscoveryQuery } from "../provider/discovery.ts";
import type { InstanceEngines } from "../provider/placement.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../planner/plan.ts";
import type { Foresee } from "../planner/foreseen.ts";
import type { RefreshQuery, Refreshed } from "../planner/refreshed.ts";
import type { Capabilities } from "../planner/requests.ts";
import type { Store } from "../store/store.ts";
import type { ApiLimits } from "./limits.ts";
import type { RememberedPlans } from "./remembered.ts";
import type { StreamLimit } from "./stream-limit.ts";
import type { WatchHub } from "./watch-hub.ts";
import type { WorkflowService } from "./workflow/service.ts";

export interface ApiContext {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly kinds: readonly AnyKind[];
  readonly version: string;
  readonly engines: Pick<InstanceEngines, "instance" | "provider">;
  /** What stands against a plan that is about to be shown. */
  readonly preflight: (plan: Plan) => Promise<readonly Diagnostic[]>;
  /** What providers say would come of it. */
  readonly foresee: Foresee;
  /** Whether a System's things are as they were made, looked at while its plan is made. */
  readonly refresh: (query: RefreshQuery) => Promise<Refreshed>;
  readonly remembered: RememberedPlans;
  /** What a plan has to know of the class of a resource. */
  readonly capabilities: (draft: Draft) => Capabilities;
  /** The exact images that a plan's services mean now, by address. */
  readonly pins: (plan: Plan) => Promise<ReadonlyMap<string, string>>;
  /** What is there and could be adopted. Rejects with DiagnosticError a query that is wrong. */
  readonly discover: (query: DiscoveryQuery) => Promise<Discovery>;
  /** Refuses with TerminalError what no class can do, or not the one that is asked for. */
  readonly checkPlacement: (kind: string, spec: Readonly<Record<string, unknown>>) => void;
  /** What is wrong with rules and their templates, which only machinery above the kinds can read. */
  readonly checkRules: (resource: Draft) => readonly Diagnostic[];
  /** To be awaited before that: loads what is needed to look at such a spec. */
  readonly prepareCheck: (spec: unknown) => Promise<void>;
  /** Who runs workflows; nobody when undefined. */
  readonly workflows: WorkflowService | undefined;
  readonly log: Logger;
  readonly limits: ApiLimits;
  readonly hub: WatchHub;
  readonly streams: StreamLimit;
  /** Aborted when the API closes: ends every stream. */
  readonly closing: AbortSignal;
}

/** One request, authenticated. */
export interface Call {
  readonly method: string;
  readonly query: URLSearchParams;
  /** `user:admin`. */
  readonly actor: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A resource named by a request. */
export interface ResourceTarget {
  readonly kind: AnyKind;
  readonly namespace: string;
  readonly name: string;
}

/** What a handler answers with; undefined when it has written the response itself. */
export type Answer = { readonly code: number; readonly body: unknown } | undefined;

export function ok(body: unknown): Answer {
  return { code: 200, body };
}
