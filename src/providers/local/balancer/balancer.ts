/**
 * The data plane as one object: listeners, routes and pools, and the change from one configuration to the next.
 *
 * Invariants
 *  A1 `configure` is whole or nothing: with a diagnostic nothing has changed (except `restore`, which takes what it can).
 *  A2 Changes are applied one after another, in the order they were asked for.
 *  A3 Routes and members change between two requests, never within one: a request keeps the route it began with.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { answer } from "./answer.ts";
import {
  EMPTY_CONFIGURATION,
  routeName,
  type BalancerDiagnostic,
  type Configuration,
  type RouteConfiguration,
} from "./configuration.ts";
import { ListenerSet, type BoundPorts, type PreparedListeners } from "./listener-set.ts";
import type { Listener, Service } from "./listeners.ts";
import { Pool } from "./pool.ts";
import { Exchange, type ForwardRoute } from "./proxy.ts";
import { location } from "./redirect.ts";
import { readRequest, type ClientContext, type RequestHead } from "./request-head.ts";
import { listenerReports, poolReport, routeReport, type BalancerReport } from "./report.ts";
import { Router, type Routable } from "./router.ts";
import { RouteStatistics } from "./statistics.ts";
import { serveTcp } from "./tcp.ts";
import { answerSocket, Upgrade } from "./upgrade.ts";

export interface Seams {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

type CompiledRoute = Routable & { readonly configuration: RouteConfiguration } & (
    | { readonly kind: "forward"; readonly forward: ForwardRoute }
    | { readonly kind: "redirect"; readonly statistics: RouteStatistics }
  );

const UNROUTED = "(none)";

export class Balancer implements Service {
  readonly #seams: Seams;
  readonly #listeners: ListenerSet;
  #configuration: Configuration = EMPTY_CONFIGURATION;
  #pools = new Map<string, Pool>();
  #router = new Router<CompiledRoute>([]);
  #routes = new Map<string, RouteStatistics>();
  readonly #unrouted = new RouteStatistics(UNROUTED);
  #diagnostics: readonly BalancerDiagnostic[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(seams: Seams) {
    this.#seams = seams;
    this.#listeners = new ListenerSet(this);
  }

  get configuration(): Configuration {
    return {
      ...this.#configuration,
      pools: this.#configuration.pools.map((one) => this.#pools.get(one.name)?.configuration ?? one),
    };
  }

  get boundPorts(): BoundPorts {
    return this.#listeners.boundPorts;
  }

  get diagnostics(): readonly BalancerDiagnostic[] {
    return this.#diagnostics;
  }

  /** Puts a validated configuration in force, or returns why not (A1). */
  configure(configuration: Configuration): Promise<readonly BalancerDiagnostic[]> {
    return this.#exclusively(async () => {
      const prepared = await this.#listeners.prepare(configuration.listeners, { partial: false, ports: {} });
      if (prepared.diagnostics.length === 0) this.#apply(configuration, prepared);
      return prepared.diagnostics;
    });
  }

  /** Puts in force what can be of a configuration kept from before; the diagnostics name the rest. */
  restore(configuration: Configuration, ports: BoundPorts): Promise<readonly BalancerDiagnostic[]> {
    return this.#exclusively(async () => {
      const prepared = await this.#listeners.prepare(configuration.listeners, { partial: true, ports });
      this.#apply(configuration, prepared);
      this.#diagnostics = prepared.diagnostics;
      return prepared.diagnostics;
    });
  }

  /** Tries again to listen where `restore` could not; touches nothing else. */
  retry(ports: BoundPorts): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#diagnostics.length === 0) return;
      const prepared = await this.#listeners.prepare(this.#configuration.listeners, { partial: true, ports });
      prepared.activate();
      this.#diagnostics = prepared.diagnostics;
    });
  }

  /**
   * Changes a pool's members, after the changes asked for before (A2): a configuration that is still being put in force must
   * not bring back a member that this call takes out. Undefined when there is no such pool.
   */
  changePool<T>(name: string, change: (pool: Pool) => T): Promise<{ readonly result: T } | undefined> {
    return this.#exclusively(() => {
      const pool = this.#pools.get(name);
      return Promise.resolve(pool === undefined ? undefined : { result: change(pool) });
    });
  }

  pool(name: string): Pool | undefined {
    return this.#pools.get(name);
  }

  report(): BalancerReport {
    const now = this.#seams.now();
    return {
      listeners: listenerReports(this.#listeners),
      routes: this.routeStatistics().map((one) => routeReport(one, now)),
      pools: [...this.#pools.values()].map((one) => poolReport(one, now)),
      diagnostics: this.#diagnostics,
    };
  }

  routeStatistics(): RouteStatistics[] {
    return [...this.#routes.values(), this.#unrouted];
  }

  /** Closes idle connections that nobody should use any more. To be called about once a second. */
  sweep(): void {
    const now = this.#seams.now();
    for (const pool of this.#pools.values()) pool.closeStale(now);
  }

  /** Stops accepting; resolves when nothing is in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#last;
    this.#listeners.close();
    while (this.#listeners.connections > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Breaks off everything. */
  destroy(): void {
    this.#listeners.destroy();
    for (const pool of this.#pools.values()) pool.close();
  }

  // Service

  request(listener: Listener, request: IncomingMessage, response: ServerResponse): void {
    const head = readRequest(request, clientOf(listener, request.socket), mayHaveBody(request));
    if (!head.ok) return this.#refuse(response, head.status);
    const route = this.#router.match(listener.configuration.name, head.host, head.path);
    if (route === undefined) return this.#refuse(response, 404, head.requestId);
    if (route.kind === "forward")
      return new Exchange(request, response, head, route.forward, {
        now: this.#seams.now,
        closing: () => this.#stopping || listener.closing,
      }).start();
    this.#redirect(route.configuration, route.statistics, head, response);
  }

  upgrade(listener: Listener, request: IncomingMessage, client: Duplex, early: Buffer): void {
    const head = readRequest(request, clientOf(listener, request.socket));
    if (!head.ok) return answerSocket(client, head.status);
    const route = this.#router.match(listener.configuration.name, head.host, head.path);
    if (route?.kind !== "forward") return answerSocket(client, 404, head.requestId);
    new Upgrade(request, client, early, head, route.forward, this.#seams.now).start();
  }

  connection(listener: Listener, client: Socket): void {
    const { name, pool: poolName } = listener.configuration;
    const pool = this.#pools.get(poolName ?? "");
    const statistics = this.#routes.get(`tcp:${name}`);
    if (pool === undefined || statistics === undefined) return void client.destroy();
    serveTcp(client, pool, statistics, this.#seams.now);
  }

  #redirect(
    route: RouteConfiguration,
    statistics: RouteStatistics,
    head: RequestHead,
    response: ServerResponse,
  ): void {
    const now = this.#seams.now();
    const status = route.redirect?.status ?? 302;
    const scheme = head.provenance.proto === "https" ? "https" : "http";
    answer(response, status, {
      requestId: head.requestId,
      location: location(route.redirect ?? {}, { ...head, scheme }),
      close: head.body.kind !== "none",
    });
    statistics.finished(now, 0, status, "", "");
  }

  #refuse(response: ServerResponse, status: number, requestId?: string): void {
    const now = this.#seams.now();
    // After a refusal nothing more of this connection is trusted, except after a plain "not found".
    answer(response, status, {
      close: status !== 404 || !response.req.complete,
      ...(requestId === undefined ? {} : { requestId }),
    });
    response.req.resume();
    this.#unrouted.finished(now, 0, status, "", "");
  }

  // Changing

  async #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #apply(configuration: Configuration, prepared: PreparedListeners): void {
    const pools = new Map<string, Pool>();
    for (const one of configuration.pools) {
      const known = this.#pools.get(one.name);
      known?.configure(one);
      pools.set(one.name, known ?? new Pool(one, this.#seams.random));
    }
    for (const [name, pool] of this.#pools) if (!pools.has(name)) pool.close();
    this.#pools = pools;
    this.#compileRoutes(configuration);
    this.#configuration = configuration;
    this.#diagnostics = [];
    prepared.activate();
  }

  #compileRoutes(configuration: Configuration): void {
    const before = this.#routes;
    this.#routes = new Map();
    const statisticsOf = (name: string): RouteStatistics => {
      const statistics = this.#routes.get(name) ?? before.get(name) ?? new RouteStatistics(name);
      this.#routes.set(name, statistics);
      return statistics;
    };
    this.#router = new Router(
      configuration.routes.map((one) => this.#compile(one, statisticsOf(routeName(one)))),
    );
    for (const one of configuration.listeners) if (one.protocol === "tcp") statisticsOf(`tcp:${one.name}`);
  }

  #compile(route: RouteConfiguration, statistics: RouteStatistics): CompiledRoute {
    const { host, path, listeners } = route;
    const where = {
      ...(host === undefined ? {} : { host }),
      ...(path === undefined ? {} : { path }),
      ...(listeners === undefined ? {} : { listeners }),
      configuration: route,
    };
    const pool = this.#pools.get(route.pool ?? "");
    if (pool === undefined) return { ...where, kind: "redirect", statistics };
    const forward: ForwardRoute = {
      pool,
      stripPrefix: route.stripPrefix === true ? (path ?? "").replace(/\/+$/, "") : "",
      requestEdits: route.headers?.request,
      responseEdits: route.headers?.response,
      timeoutMs: route.timeoutMs,
      statistics,
    };
    return { ...where, kind: "forward", forward };
  }
}

function clientOf(listener: Listener, socket: Socket): ClientContext {
  const address = socket.remoteAddress ?? "unknown";
  return {
    secure: listener.configuration.protocol === "https",
    address: address.startsWith("::ffff:") ? address.slice(7) : address,
    trustForwarded: listener.configuration.trustForwarded === true,
  };
}

/** HTTP/2 ends a request without a body with its headers; HTTP/1.1 states a length or a coding. */
function mayHaveBody(request: IncomingMessage): boolean {
  if (request.httpVersionMajor < 2) return false;
  return !(request as unknown as Http2ServerRequest).stream.endAfterHeaders;
}
