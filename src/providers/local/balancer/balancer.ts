/**
 * The data plane as one object: listeners, routes and pools, and the change from one configuration to the next.
 *
 * Invariants
 *  A1 `configure` is whole or nothing: with a diagnostic nothing has changed (except `restore`, which takes what it can).
 *  A2 Changes are applied one after another, in the order they were asked for.
 *  A3 Routes and members change between two requests, never within one: a request keeps the route it began with.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { answer, answerChallenge } from "./answer.ts";
import {
  EMPTY_CONFIGURATION,
  routeName,
  type BalancerDiagnostic,
  type Challenges,
  type Configuration,
  type RouteConfiguration,
} from "./configuration.ts";
import { compileRules } from "./header-rules.ts";
import { ListenerSet, type BoundPorts, type PreparedListeners } from "./listener-set.ts";
import type { Listener, Service } from "./listeners.ts";
import { Pool } from "./pool.ts";
import { Exchange, type ForwardRoute } from "./proxy.ts";
import { clientKey, RateLimiter } from "./rate-limit.ts";
import { location } from "./redirect.ts";
import { readRequest, type ClientContext, type RequestHead } from "./request-head.ts";
import { listenerReports, poolReport, routeReport, type BalancerReport } from "./report.ts";
import { Router, type Routable } from "./router.ts";
import { RouteStatistics } from "./statistics.ts";
import { Stickiness, Tokens } from "./stickiness.ts";
import { serveTcp } from "./tcp.ts";
import { answerSocket, Upgrade } from "./upgrade.ts";

export interface Seams {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

type CompiledRoute = Routable & { readonly configuration: RouteConfiguration } & (
    | { readonly kind: "forward"; readonly forward: ForwardRoute; readonly limiter: RateLimiter | undefined }
    | { readonly kind: "redirect"; readonly statistics: RouteStatistics }
  );

/** What a balancer keeps beside its configuration. */
export interface Kept {
  readonly challenges?: Challenges;
  /** The key of the cookies' tokens; made when absent. A secret. */
  readonly cookieKey?: Uint8Array;
}

const UNROUTED = "(none)";
const CHALLENGE_PATH = "/.well-known/acme-challenge/";

export class Balancer implements Service {
  readonly #seams: Seams;
  readonly #listeners: ListenerSet;
  #configuration: Configuration = EMPTY_CONFIGURATION;
  #pools = new Map<string, Pool>();
  #router = new Router<CompiledRoute>([]);
  #routes = new Map<string, RouteStatistics>();
  #limiters = new Map<string, RateLimiter>();
  #challenges: ReadonlyMap<string, string> = new Map();
  #cookieKey: Uint8Array = randomBytes(32);
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

  get challenges(): Challenges {
    return Object.fromEntries(this.#challenges);
  }

  get cookieKey(): Uint8Array {
    return this.#cookieKey;
  }

  /** Answers these from now on, and no others. */
  setChallenges(challenges: Challenges): void {
    this.#challenges = new Map(Object.entries(challenges));
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
  restore(
    configuration: Configuration,
    ports: BoundPorts,
    kept: Kept = {},
  ): Promise<readonly BalancerDiagnostic[]> {
    return this.#exclusively(async () => {
      this.#cookieKey = kept.cookieKey ?? this.#cookieKey;
      this.setChallenges(kept.challenges ?? {});
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

  /** Names of the pools for which somebody is held. */
  get waiting(): string[] {
    return [...this.#pools.values()].flatMap((one) => (one.waiting > 0 ? [one.name] : []));
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
    const head = readRequest(request, clientOf(listener, request.socket), http2Of(request));
    if (!head.ok) return this.#refuse(response, head.status);
    if (this.#challenges.size > 0) {
      const value = this.#challengeOf(listener, head);
      if (value !== undefined) return answerChallenge(response, value);
    }
    const route = this.#router.match(listener.configuration.name, head.host, head.path);
    if (route === undefined) return this.#refuse(response, 404, head.requestId);
    if (route.kind === "redirect")
      return this.#redirect(route.configuration, route.statistics, head, response);
    const wait = this.#waitOf(route.limiter, head);
    if (wait > 0) return this.#limit(route.forward, wait, head, response);
    new Exchange(request, response, head, route.forward, {
      now: this.#seams.now,
      closing: () => this.#stopping || listener.closing,
    }).start();
  }

  upgrade(listener: Listener, request: IncomingMessage, client: Duplex, early: Buffer): void {
    const head = readRequest(request, clientOf(listener, request.socket));
    if (!head.ok) return answerSocket(client, head.status);
    const route = this.#router.match(listener.configuration.name, head.host, head.path);
    if (route?.kind !== "forward") return answerSocket(client, 404, head.requestId);
    const wait = this.#waitOf(route.limiter, head);
    if (wait > 0) {
      this.#countLimited(route.forward);
      return answerSocket(client, 429, head.requestId, seconds(wait));
    }
    new Upgrade(request, client, early, head, route.forward, this.#seams.now).start();
  }

  connection(listener: Listener, client: Socket): void {
    const { name, pool: poolName } = listener.configuration;
    const pool = this.#pools.get(poolName ?? "");
    const statistics = this.#routes.get(`tcp:${name}`);
    if (pool === undefined || statistics === undefined) return void client.destroy();
    serveTcp(client, pool, statistics, this.#seams.now);
  }

  #challengeOf({ configuration }: Listener, { method, path }: RequestHead): string | undefined {
    if (configuration.protocol !== "http" || (method !== "GET" && method !== "HEAD")) return undefined;
    return path.startsWith(CHALLENGE_PATH)
      ? this.#challenges.get(path.slice(CHALLENGE_PATH.length))
      : undefined;
  }

  /** Milliseconds until the client may ask again; 0: it may now. */
  #waitOf(limiter: RateLimiter | undefined, { provenance, fields }: RequestHead): number {
    if (limiter === undefined) return 0;
    return limiter.take(clientKey(limiter.configuration, provenance.client, fields), this.#seams.now());
  }

  #limit(route: ForwardRoute, wait: number, head: RequestHead, response: ServerResponse): void {
    answer(response, 429, {
      requestId: head.requestId,
      retryAfter: seconds(wait),
      close: head.body.kind !== "none",
    });
    response.req.resume();
    this.#countLimited(route);
  }

  #countLimited({ statistics, pool }: ForwardRoute): void {
    statistics.finished(this.#seams.now(), 0, 429, pool.name, "");
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
    const statisticsOf = (name: string, pool = ""): RouteStatistics => {
      const statistics = this.#routes.get(name) ?? before.get(name) ?? new RouteStatistics(name);
      statistics.pool = pool;
      this.#routes.set(name, statistics);
      return statistics;
    };
    const limiters = this.#limiters;
    this.#limiters = new Map();
    this.#router = new Router(
      configuration.routes.map((one) => this.#compile(one, statisticsOf(routeName(one), one.pool), limiters)),
    );
    for (const one of configuration.listeners)
      if (one.protocol === "tcp") statisticsOf(`tcp:${one.name}`, one.pool);
  }

  #compile(
    route: RouteConfiguration,
    statistics: RouteStatistics,
    limiters: ReadonlyMap<string, RateLimiter>,
  ): CompiledRoute {
    const { host, path, listeners, sticky } = route;
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
      requestRules: compileRules(route.headers?.request),
      responseRules: compileRules(route.headers?.response),
      stickiness:
        sticky === undefined
          ? undefined
          : new Stickiness(sticky, path ?? "/", {
              tokens: new Tokens(this.#cookieKey, pool.name),
              seats: pool.seats,
            }),
      timeoutMs: route.timeoutMs,
      statistics,
    };
    return { ...where, kind: "forward", forward, limiter: this.#limiterOf(route, limiters) };
  }

  /** One that stays as it was goes on counting: a change elsewhere gives nobody new requests. */
  #limiterOf(route: RouteConfiguration, before: ReadonlyMap<string, RateLimiter>): RateLimiter | undefined {
    if (route.rateLimit === undefined) return undefined;
    const name = JSON.stringify([route.host, route.path, route.listeners, route.pool, route.rateLimit]);
    const limiter = before.get(name) ?? new RateLimiter(route.rateLimit);
    this.#limiters.set(name, limiter);
    return limiter;
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

/** How a request came, if by HTTP/2: it ends a request without a body with its headers; HTTP/1.1 states a length or a coding. */
function http2Of(request: IncomingMessage): { readonly endless: boolean } | undefined {
  if (request.httpVersionMajor < 2) return undefined;
  return { endless: !(request as unknown as Http2ServerRequest).stream.endAfterHeaders };
}

function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
