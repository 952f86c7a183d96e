/** What `GET /stats` answers: the shape, and its making from the live objects. */
import type { BalancerDiagnostic, MemberState } from "./configuration.ts";
import type { ListenerSet } from "./listener-set.ts";
import type { Member } from "./member.ts";
import type { Pool } from "./pool.ts";
import type { RouteStatistics, WindowSnapshot } from "./statistics.ts";
import type { FailureKind } from "./upstream.ts";

/** Counts of responses by class; `0` counts requests that ended without one. */
export type ClassCounts = Readonly<Record<"0" | "1xx" | "2xx" | "3xx" | "4xx" | "5xx", number>>;

export interface MemberReport {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly state: MemberState | "leaving";
  /** Whether its checks found it well; true without checks. */
  readonly healthy: boolean;
  readonly weight: number;
  /** Requests, tunnels and connections that hold the member now. */
  readonly inFlight: number;
  readonly idleConnections: number;
  /** Times it was chosen. */
  readonly requests: number;
  readonly responses: ClassCounts;
  readonly failures: Readonly<Record<FailureKind, number>>;
  /** Sum of the times to the response's head. */
  readonly responseMs: number;
  readonly ewmaMs: number | null;
  readonly window: WindowSnapshot;
  /** Whether it is passed over for a moment after refusing a connection. */
  readonly aside: boolean;
}

export interface PoolReport {
  readonly name: string;
  readonly waiting: number;
  readonly members: readonly MemberReport[];
}

export interface RouteReport {
  readonly name: string;
  readonly requests: number;
  readonly errors: number;
  readonly retries: number;
  readonly inFlight: number;
  readonly ewmaMs: number | null;
  readonly window: WindowSnapshot;
}

export interface ListenerReport {
  readonly name: string;
  readonly host: string;
  /** The port really listened on. */
  readonly port: number;
  readonly protocol: string;
  readonly connections: number;
}

export interface BalancerReport {
  readonly listeners: readonly ListenerReport[];
  readonly routes: readonly RouteReport[];
  readonly pools: readonly PoolReport[];
  /** What is not in force although configured (after a restart), or in force but not kept. */
  readonly diagnostics: readonly BalancerDiagnostic[];
}

const CLASS_NAMES = ["0", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function classCounts(classes: Float64Array): ClassCounts {
  return Object.fromEntries(
    CLASS_NAMES.map((name, index) => [name, classes[index] ?? 0]),
  ) as unknown as ClassCounts;
}

export function memberReport(member: Member, leaving: boolean, now: number): MemberReport {
  const { statistics } = member;
  return {
    id: member.id,
    host: member.host,
    port: member.port,
    state: leaving ? "leaving" : member.state,
    healthy: member.healthy,
    weight: member.weight,
    inFlight: member.inFlight,
    idleConnections: member.idleConnections,
    requests: statistics.requests,
    responses: classCounts(statistics.classes),
    failures: { ...statistics.failures },
    responseMs: statistics.responseMs,
    ewmaMs: statistics.window.ewmaMs,
    window: statistics.window.snapshot(now),
    aside: member.asideUntil > now,
  };
}

export function poolReport(pool: Pool, now: number): PoolReport {
  return {
    name: pool.name,
    waiting: pool.waiting,
    members: [
      ...pool.members.map((one) => memberReport(one, false, now)),
      ...pool.leaving.map((one) => memberReport(one, true, now)),
    ],
  };
}

export function routeReport(route: RouteStatistics, now: number): RouteReport {
  const { name, requests, errors, retries, inFlight, window } = route;
  return { name, requests, errors, retries, inFlight, ewmaMs: window.ewmaMs, window: window.snapshot(now) };
}

export function listenerReports(listeners: ListenerSet): ListenerReport[] {
  return listeners.all.map(({ configuration, port, connections }) => ({
    name: configuration.name,
    host: configuration.host,
    port,
    protocol: configuration.protocol,
    connections,
  }));
}
