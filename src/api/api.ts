/**
 * The HTTP API: the Kubernetes resource paths over the store, and Tutti's own additions (history, why, plan, apply, log).
 * Everything it serves derives from the kinds' definitions; docs/decisions/0002-http-without-a-framework.md says why there is
 * no framework below it.
 *
 *     request -> path -> document, or: authenticate -> dispatch -> read | write | watch | subresource -> answer | Status
 *
 * Owns the HTTP server and the watches' hub.
 *
 * Invariants
 *  A1 Whatever comes in, the answer is a Status or what was asked for; nothing a client sends ends the process.
 *  A2 A write is committed whole before it is answered (S2); a refused one has changed nothing (I1).
 *  A3 No answer and no log line holds sealed text, and only a Secret's own data and `reveal` are opened (I10).
 *  A4 Heads, bodies, depths, connections, streams and what waits for slow readers are bounded (limits.ts).
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock/clock.ts";
import { type Logger, silent } from "../controller/reconciler.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { kinds as registeredKinds } from "../kinds/registry.ts";
import { NOTHING_FORESEEN } from "../planner/foreseen.ts";
import type { Keyring } from "../model/sealed.ts";
import type { InstanceEngines } from "../provider/placement.ts";
import { TerminalError } from "../provider/provider.ts";
import { type Store, StoreError } from "../store/store.ts";
import type { ApiContext } from "./api-context.ts";
import { type Authenticate, tokenAuthentication } from "./authentication.ts";
import { discoveryDocument, versionDocument } from "./discovery.ts";
import { dispatch, verbOf } from "./dispatch.ts";
import { exec } from "./exec.ts";
import { type ApiLimits, DEFAULT_LIMITS } from "./limits.ts";
import { type Mounts, mountOf, serveMounted } from "./mount.ts";
import { OPENAPI_V2_TYPE, OpenApi } from "./openapi.ts";
import { type FindKind, type Target, kindFinder, parsePath } from "./paths.ts";
import { RememberedPlans } from "./remembered.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { isSigned } from "./states/signature.ts";
import { sendJson, sendStatusError, sendText } from "./respond.ts";
import {
  StatusError,
  asStatusError,
  badRequest,
  noSuchPath,
  notAllowed,
  statusBody,
} from "./status-error.ts";
import { StreamLimit } from "./stream-limit.ts";
import { WatchHub } from "./watch-hub.ts";
import type { WorkflowService } from "./workflow/service.ts";

const PLAIN = "text/plain; charset=utf-8";

export interface ApiOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly token: string;
  /** Tutti's version. */
  readonly version: string;
  /** All registered kinds when absent. */
  readonly kinds?: readonly AnyKind[];
  /** For logs and commands. */
  readonly engines?: Pick<InstanceEngines, "instance">;
  /** What a plan has to know of the class of a resource; nothing is known when absent. */
  readonly capabilities?: ApiContext["capabilities"];
  /** What stands against a plan that is about to be shown; nothing when absent. */
  readonly preflight?: ApiContext["preflight"];
  /** Nothing is foreseen when absent. */
  readonly foresee?: ApiContext["foresee"];
  /** Nothing is looked at when absent. */
  readonly refresh?: ApiContext["refresh"];
  /** The exact images that a plan's services mean now, by address; none when absent. */
  readonly pins?: ApiContext["pins"];
  /** What is there and could be adopted; nothing when absent. */
  readonly discover?: ApiContext["discover"];
  /** Refuses with TerminalError what no class can do; everything can be done when absent. */
  readonly checkPlacement?: ApiContext["checkPlacement"];
  /** What is wrong with rules; nothing is looked for when absent. */
  readonly checkRules?: ApiContext["checkRules"];
  /** To be awaited before that; nothing when absent. */
  readonly prepareCheck?: ApiContext["prepareCheck"];
  /** Runs workflows; nothing does when absent. */
  readonly workflows?: WorkflowService;
  /** Further metrics in the text format of Prometheus. */
  readonly metrics?: () => string | Promise<string>;
  /** APIs of other tools below a path of their own; none when absent. */
  readonly mounts?: Mounts;
  /** The same, for those that find out themselves who asks: no token is asked for. */
  readonly openMounts?: Mounts;
  /** Streams below a path of their own, by its first segment; none when absent. What they refuse they close. */
  readonly upgrades?: Readonly<
    Record<string, (request: IncomingMessage, socket: Duplex, head: Buffer) => void>
  >;
  /** What /readyz says; ready when absent. */
  readonly ready?: () => boolean;
  readonly log?: Logger;
  readonly limits?: Partial<ApiLimits>;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM. With it HTTPS is spoken, which `kubectl` needs: it sends its token over nothing else. */
  readonly tls?: { readonly key: string; readonly certificate: string };
}

export interface Api {
  /** Of the first address listened on. */
  readonly server: Server | undefined;
  /**
   * Makes the namespace `default` if there is none, listens, and gives the URL. May be called for several addresses.
   * Rejects when the port is in use (EADDRINUSE), and may then be called again.
   */
  listen(address: ListenAddress): Promise<string>;
  /** Also on a Unix socket. */
  listenOn(socketPath: string): Promise<void>;
  /** Ends all streams and connections; resolves when nothing is open any more. */
  close(): Promise<void>;
}

const NO_ENGINES: Pick<InstanceEngines, "instance"> = {
  instance: () => {
    throw new TerminalError({ code: "UnknownClass", message: "Nothing here runs instances." });
  },
};

export function createApi(options: ApiOptions): Api {
  return new HttpApi(options);
}

/** What is served by who knows of no provider. */
const NOBODY_ASKED = {
  kinds: registeredKinds,
  engines: NO_ENGINES,
  capabilities: () => ({ canCreateBeforeDestroy: false }),
  preflight: () => Promise.resolve([]),
  foresee: () => Promise.resolve(NOTHING_FORESEEN),
  refresh: () => Promise.resolve({ drift: new Map(), warnings: [] }),
  pins: () => Promise.resolve(new Map()),
  discover: () => Promise.resolve({ items: [], problems: [] }),
  checkPlacement: () => undefined,
  checkRules: () => [],
  prepareCheck: () => Promise.resolve(),
  workflows: undefined,
  log: silent,
} satisfies Partial<ApiContext>;

class HttpApi implements Api {
  readonly #options: ApiOptions;
  readonly #context: ApiContext;
  readonly #closing = new AbortController();
  readonly #authenticate: Authenticate;
  readonly #find: FindKind;
  readonly #openApi: OpenApi;
  readonly #metrics = new RequestMetrics();
  readonly #servers: Server[] = [];

  constructor(options: ApiOptions) {
    const { token, limits, ...given } = options;
    const { store, clock, version, kinds, ...asked } = { ...NOBODY_ASKED, ...given };
    const bounds = { ...DEFAULT_LIMITS, ...limits };
    this.#options = options;
    this.#context = {
      ...asked,
      store,
      clock,
      version,
      kinds,
      remembered: new RememberedPlans(clock),
      limits: bounds,
      hub: new WatchHub(store),
      streams: new StreamLimit(bounds.streams),
      closing: this.#closing.signal,
    };
    this.#authenticate = tokenAuthentication(token);
    this.#find = kindFinder(kinds);
    this.#openApi = new OpenApi(kinds, version);
  }

  get server(): Server | undefined {
    return this.#servers[0];
  }

  async listen({ host, port, tls }: ListenAddress): Promise<string> {
    await this.#ensureDefaultNamespace();
    const server = this.#makeServer(tls);
    await listening(server, { host, port });
    this.#servers.push(server);
    const { address, family, port: actual } = server.address() as AddressInfo;
    return `${tls === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${actual}`;
  }

  async listenOn(socketPath: string): Promise<void> {
    const server = this.#makeServer(undefined);
    await listening(server, { path: socketPath });
    this.#servers.push(server);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#context.hub.close();
    await Promise.all(this.#servers.map(closed));
  }

  #makeServer(tls: ListenAddress["tls"]): Server {
    const { limits } = this.#context;
    const options = {
      headersTimeout: limits.headTimeout,
      requestTimeout: limits.requestTimeout,
      keepAliveTimeout: 75_000,
      connectionsCheckingInterval: 5000,
    };
    // Not imported: that would load a whole HTTP client beside it (14 MB, 25 ms); see providers/local/balancer/http.ts.
    const server =
      tls === undefined
        ? process.getBuiltinModule("node:http").createServer(options)
        : process
            .getBuiltinModule("node:https")
            .createServer({ ...options, key: tls.key, cert: tls.certificate });
    server.maxConnections = limits.connections;
    server.on("request", (request, response) => void this.#serve(request, response));
    server.on("upgrade", (request, socket, head) => void this.#upgrade(request, socket, head));
    server.on("clientError", refuseClient);
    return server;
  }

  async #ensureDefaultNamespace(): Promise<void> {
    const { store } = this.#context;
    if (store.get({ kind: "Namespace", namespace: "", name: "default" }) !== undefined) return;
    const resource = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {} };
    await store
      .commit([{ type: "create", resource }], { actor: "system:api", action: "start" })
      .catch((error: unknown) => {
        if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
      });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const begun = this.#context.clock.now();
    const method = request.method ?? "GET";
    let target: Target | undefined;
    let verb = "unknown";
    // A client that goes away is no fault; without a listener it would be one.
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    try {
      const url = parseUrl(request);
      target = parsePath(url.pathname, this.#find);
      verb = verbOf(method, target, url.searchParams);
      await this.#answer(request, response, target, url);
    } catch (error) {
      this.#refuse(error, response, target, { method, path: request.url?.split("?")[0] ?? "" });
    }
    const seconds =
      verb === "watch" || verb === "log" || verb === "events"
        ? undefined
        : (this.#context.clock.now() - begun) / 1000;
    const kind = target === undefined || target.type === "document" ? "" : target.kind.kind;
    this.#metrics.record(verb, kind, response.statusCode, seconds);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, target: Target, url: URL): Promise<void> {
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "GET");
    if (target.type === "document") {
      await this.#document(request, response, target.path, method);
      return;
    }
    const actor = this.#authenticate(request);
    const answer = await dispatch(
      this.#context,
      { method, query: url.searchParams, actor, request, response },
      target,
    );
    if (answer !== undefined) sendJson(response, answer.code, answer.body);
  }

  async #document(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    method: string,
  ): Promise<void> {
    if (this.#openDocument(response, path)) return;
    const mount = this.#mounted(request);
    if (mount !== undefined) return serveMounted(mount, request, response, this.#context.limits);
    if (method !== "GET") throw notAllowed(method);
    if (path === "/metrics")
      sendText(response, 200, await this.#metricsText(), "text/plain; version=0.0.4; charset=utf-8");
    else if (path === "/openapi/v2") sendText(response, 200, "", OPENAPI_V2_TYPE);
    else {
      const openApi = path.startsWith("/openapi/v3") ? this.#openApi.document(path) : undefined;
      const discovery = discoveryDocument(path, this.#context.kinds, request.headers.host ?? "");
      if (openApi === undefined && discovery === undefined) throw noSuchPath();
      sendText(response, 200, openApi ?? JSON.stringify(discovery), "application/json");
    }
  }

  /** Authenticated, but for who finds out himself who asks. */
  #mounted(request: IncomingMessage): ReturnType<typeof mountOf> {
    const open = mountOf(this.#options.openMounts, request.url);
    if (open !== undefined) return open;
    const mount = mountOf(this.#options.mounts, request.url);
    if (mount?.[0].checksSignatures !== true || !isSigned(request.headers)) this.#authenticate(request);
    return mount;
  }

  /** What needs no token: whether it lives, and what it is. */
  #openDocument(response: ServerResponse, path: string): boolean {
    const isReady = (this.#options.ready?.() ?? true) && !this.#closing.signal.aborted;
    if (path === "/version") sendJson(response, 200, versionDocument(this.#context.version));
    else if (path === "/healthz" || path === "/livez") sendText(response, 200, "ok", PLAIN);
    else if (path === "/readyz") sendText(response, isReady ? 200 : 503, isReady ? "ok" : "not ready", PLAIN);
    else return false;
    return true;
  }

  async #metricsText(): Promise<string> {
    return (
      this.#metrics.text(this.#context.streams.open, this.#context.store.revision) +
      ((await this.#options.metrics?.()) ?? "")
    );
  }

  #refuse(
    error: unknown,
    response: ServerResponse,
    target: Target | undefined,
    request: { readonly method: string; readonly path: string },
  ): void {
    const isResource = target !== undefined && target.type !== "document";
    const known = isResource
      ? asStatusError(error, target.kind, target.type === "resource" ? target.name : "")
      : asStatusError(error);
    sendStatusError(response, known ?? this.#unexpected(error, request));
  }

  /** A fault of ours: the client gets a number, the log what is behind it. */
  #unexpected(error: unknown, request: { readonly method: string; readonly path: string }): StatusError {
    const id = randomBytes(6).toString("hex");
    const { stack = String(error) } = error instanceof Error ? error : {};
    this.#context.log.error({ id, ...request, error: stack }, "request failed unexpectedly");
    return new StatusError(
      500,
      "InternalError",
      `Something went wrong in the control plane. Its log says more under the id ${id}.`,
    );
  }

  /** The only thing to switch protocols for is running a command. */
  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => undefined);
    try {
      const url = parseUrl(request);
      const target = parsePath(url.pathname, this.#find);
      const segment = url.pathname.slice(1);
      const { upgrades = {} } = this.#options;
      if (Object.hasOwn(upgrades, segment)) {
        this.#authenticate(request);
        const end = (): void => void socket.destroy();
        this.#closing.signal.addEventListener("abort", end, { once: true });
        socket.once("close", () => this.#closing.signal.removeEventListener("abort", end));
        upgrades[segment]?.(request, socket, head);
        return;
      }
      if (target.type !== "resource" || target.subresource !== "exec") throw noSuchPath();
      this.#authenticate(request);
      await exec(this.#context, request, socket, head, target, url.searchParams);
    } catch (error) {
      const known =
        asStatusError(error) ??
        this.#unexpected(error, { method: "CONNECT", path: request.url?.split("?")[0] ?? "" });
      const body = JSON.stringify(statusBody(known));
      socket.end(
        `HTTP/1.1 ${known.code} ${known.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  }
}

function parseUrl(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? "/", "http://localhost");
  if (url === null) throw badRequest("The request's target is not a path.");
  return url;
}

/** What is not HTTP, too large a head, too slow: the parser's own refusals, as a Status. */
function refuseClient(error: NodeJS.ErrnoException, socket: Socket | Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const code =
    error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const body = JSON.stringify(
    statusBody(
      new StatusError(code, code === 408 ? "Timeout" : "BadRequest", "The request could not be read."),
    ),
  );
  socket.end(
    `HTTP/1.1 ${code} Bad Request\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function listening(
  server: Server,
  address: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
