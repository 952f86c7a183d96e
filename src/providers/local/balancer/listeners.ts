/**
 * The sockets the balancer listens on.
 *
 * Owns the servers and the client connections on them. A listener is known by protocol and address, so renaming
 * one, or changing its routes, pool or certificates, touches no connection.
 *
 *   opening -> held (listening, requests wait) -> active -> closing (nothing accepted, work finishes) -> closed
 *
 * Invariants
 *  N1 `prepare` either opens everything that is missing, or leaves everything as it was.
 *  N2 A request that arrives before its configuration is in force waits for it (`held`).
 */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import type { Http2SecureServer, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { CertificateSet } from "./certificates.ts";
import type { BalancerDiagnostic, ListenerConfiguration } from "./configuration.ts";
import { createServer as createHttpServer } from "./http.ts";
import { LIMITS } from "./limits.ts";
import { mayUpgrade } from "./upgrade.ts";

/** What serves the connections and requests of a listener. */
export interface Service {
  request(listener: Listener, request: IncomingMessage, response: ServerResponse): void;
  upgrade(listener: Listener, request: IncomingMessage, client: Duplex, early: Buffer): void;
  connection(listener: Listener, client: Socket): void;
}

export function keyOf(configuration: ListenerConfiguration): string {
  const { protocol, host, port, name } = configuration;
  return port === 0 ? `${protocol}|${host}|0|${name}` : `${protocol}|${host}|${port}`;
}

export class Listener {
  configuration: ListenerConfiguration;
  readonly #service: Service;
  readonly #connections = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: HttpServer | Http2SecureServer | Server | undefined;
  #certificates: CertificateSet | undefined;
  #held: (() => void)[] | undefined = [];
  #closing = false;

  constructor(
    configuration: ListenerConfiguration,
    certificates: CertificateSet | undefined,
    service: Service,
  ) {
    this.configuration = configuration;
    this.#certificates = certificates;
    this.#service = service;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** The port really listened on. */
  get port(): number {
    const address = this.#server?.address() as AddressInfo | string | null | undefined;
    return typeof address === "object" && address !== null ? address.port : this.configuration.port;
  }

  /** Listens; rejects with the system's error. `port` stands in for a configured 0. */
  async open(port = this.configuration.port): Promise<void> {
    const server = await this.#create();
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: this.configuration.host, port, backlog: 1024 }, () => {
        server.removeListener("error", reject);
        server.on("error", () => undefined); // E.g. EMFILE on accept: the listener lives on.
        resolve();
      });
    });
  }

  /** Puts a configuration in force; what was held is served. */
  activate(configuration: ListenerConfiguration, certificates: CertificateSet | undefined): void {
    this.configuration = configuration;
    const server = this.#server;
    if (server !== undefined) server.maxConnections = configuration.maxConnections ?? LIMITS.connections;
    if (server !== undefined && "headersTimeout" in server)
      server.headersTimeout = configuration.headersTimeoutMs ?? LIMITS.headersTimeoutMs;
    if (certificates !== undefined && certificates !== this.#certificates) {
      this.#certificates = certificates;
      if (server !== undefined && "setSecureContext" in server)
        server.setSecureContext({ ...certificates.first, minVersion: "TLSv1.2" });
    }
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const serve of held) serve();
  }

  /** A listener like this one, not yet open. */
  successor(): Listener {
    return new Listener(this.configuration, this.#certificates, this.#service);
  }

  /** Stops accepting; idle connections close now, the others after their work. */
  close(): void {
    this.#closing = true;
    this.#server?.close();
    for (const session of this.#sessions) session.close();
  }

  /** Breaks off whatever is left. */
  destroy(): void {
    this.close();
    for (const socket of this.#connections) socket.destroy();
  }

  async #create(): Promise<HttpServer | Http2SecureServer | Server> {
    if (this.configuration.protocol === "tcp")
      return createTcpServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
        this.#serve(() => this.#service.connection(this, socket)),
      );
    const options = {
      insecureHTTPParser: false,
      maxHeaderSize: LIMITS.requestHeaderBytes,
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: 0, // Bodies may take as long as they move; see the exchange's timer.
      keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
      connectionsCheckingInterval: LIMITS.headersCheckMs,
      requireHostHeader: true,
      shouldUpgradeCallback: mayUpgrade,
    };
    const server =
      this.configuration.protocol === "http" ? createHttpServer(options) : await this.#createSecure(options);
    const http = server as HttpServer;
    http.maxHeadersCount = 0; // Bounded by size, and counted by us: Node would drop fields silently.
    http.on("request", (request, response) => {
      if (this.#held === undefined) this.#service.request(this, request, response);
      else this.#serve(() => this.#service.request(this, request, response));
    });
    http.on("checkContinue", (request, response) =>
      this.#serve(() => this.#service.request(this, request, response)),
    );
    http.on("checkExpectation", (request, response) =>
      this.#serve(() => this.#service.request(this, request, response)),
    );
    http.on("upgrade", (request, client, early) =>
      this.#serve(() => this.#service.upgrade(this, request, client, early)),
    );
    http.on("connect", (_request, client: Duplex | Http2ServerResponse) => {
      if ("writeHead" in client) return void client.writeHead(405).end();
      client.on("error", () => undefined);
      client.end("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    return server;
  }

  async #createSecure(options: object): Promise<Http2SecureServer> {
    const { createSecureServer } = await import("node:http2");
    const server = createSecureServer({
      ...options,
      ...this.#certificates?.first,
      allowHTTP1: true,
      // Asked at each handshake, so that `http2` changes without a new listener.
      ALPNCallback: ({ protocols }) =>
        (this.configuration.http2 === false ? ["http/1.1"] : ["h2", "http/1.1"]).find((one) =>
          protocols.includes(one),
        ),
      minVersion: "TLSv1.2",
      handshakeTimeout: LIMITS.handshakeTimeoutMs,
      settings: { maxConcurrentStreams: 128, maxHeaderListSize: LIMITS.requestHeaderBytes },
      SNICallback: (name, done) => done(null, this.#certificates?.pick(name)),
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => undefined);
      session.once("close", () => this.#sessions.delete(session));
      session.setTimeout(LIMITS.keepAliveTimeoutMs, () => session.close());
    });
    return server;
  }

  #serve(serve: () => void): void {
    if (this.#held === undefined) serve();
    else this.#held.push(serve); // N2
  }
}

/** Says what prevents listening. */
export function bindDiagnostic(
  configuration: ListenerConfiguration,
  port: number,
  error: unknown,
): BalancerDiagnostic {
  const code = error instanceof Error && "code" in error ? String(error.code) : "error";
  const address = `${configuration.host}:${port}`;
  const known: Readonly<Record<string, readonly [string, string, string]>> = {
    EADDRINUSE: [
      "AddressInUse",
      "another process listens there",
      "stop it, or give the listener another port",
    ],
    EACCES: [
      "AddressForbidden",
      "this user may not listen there",
      "use a port above 1023, or grant CAP_NET_BIND_SERVICE",
    ],
    EADDRNOTAVAIL: [
      "AddressUnknown",
      "this machine has no such address",
      "use an address of this machine, 127.0.0.1 or 0.0.0.0",
    ],
  };
  const [name, message, hint] = known[code] ?? [
    "ListenFailed",
    `cannot listen there (${code})`,
    "check host and port",
  ];
  return { code: name, address, message: `listener ${configuration.name}: ${message}`, hint };
}
