/**
 * What the suite of balancers (traffic-conformance.ts) is made of: the balancer under test, real backends that note what
 * they are asked, clients that speak HTTP or bare TCP, and load.
 */
import { createHash, randomUUID, webcrypto } from "node:crypto";
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request,
} from "node:http";
import { type AddressInfo, type Server as NetServer, type Socket, connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../clock/clock.ts";
import { Keyring } from "../model/sealed.ts";
import type { Opened } from "./conformance.ts";
import type { Desired, Identity, Member, Observation, ProviderContext, TrafficProvider } from "./provider.ts";

export const HOST = "127.0.0.1";
/** RFC 6455, 1.3. */
const WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export interface OpenedTraffic extends Opened<TrafficProvider> {
  /** Kills with -9 the process that serves this balancer; resolves when the provider can know of it. */
  readonly kill: (identity: Identity) => Promise<void>;
}

export interface TrafficSubject {
  readonly open: () => Promise<OpenedTraffic>;
  /** A spec with the kind's defaults, as admission would make it; the contract's layer knows no kinds. */
  readonly spec: (declared: object) => unknown;
}

/** Everything that a test makes, taken down again by `clear`. */
export class Traffic {
  readonly subject: TrafficSubject;
  readonly secrets = new Map<string, Readonly<Record<string, string>>>();
  readonly #fronts: Front[] = [];
  readonly #closing: (() => void)[] = [];
  #opened: OpenedTraffic | undefined;
  #provider: TrafficProvider | undefined;

  constructor(subject: TrafficSubject) {
    this.subject = subject;
  }

  get provider(): TrafficProvider {
    if (this.#provider === undefined) throw new Error("not open");
    return this.#provider;
  }

  get context(): ProviderContext {
    return {
      clock: systemClock,
      keyring: new Keyring(new Uint8Array(32).fill(7)),
      signal: new AbortController().signal,
      readSecret: (_namespace, name) => this.secrets.get(name),
    };
  }

  async open(): Promise<void> {
    this.#opened = await this.subject.open();
    this.#provider = this.#opened.provider;
  }

  /** Another provider takes over, as after a crash of the control plane. */
  async reopen(): Promise<void> {
    this.#provider = await this.#opened?.reopen();
  }

  async kill(front: Front): Promise<void> {
    await this.#opened?.kill(front.identity);
  }

  /** A balancer of its own name that is in force. */
  async front(declared: object): Promise<Front> {
    const front = new Front(this);
    this.#fronts.push(front);
    await front.ensure(declared);
    return front;
  }

  async backend(id: string, answer?: Answering): Promise<Backend> {
    const backend = new Backend(id, answer);
    this.#closing.push(() => backend.close());
    await backend.listen();
    return backend;
  }

  /** A TCP server; resolves with its port. */
  listen(server: NetServer): Promise<number> {
    const sockets = new Set<Socket>();
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => socket.destroy());
    });
    this.#closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return listening(server);
  }

  /** At the end of the test. */
  later(close: () => void): void {
    this.#closing.push(close);
  }

  async clear(): Promise<void> {
    for (const close of this.#closing.splice(0)) close();
    for (const front of this.#fronts.splice(0)) await front.remove();
    this.secrets.clear();
  }

  async close(): Promise<void> {
    await this.#opened?.cleanup();
  }
}

/** One balancer under test; its members are in the pool `web` unless told otherwise. */
export class Front {
  readonly identity: Identity = {
    kind: "LoadBalancer",
    namespace: "default",
    name: `front-${randomUUID().slice(0, 8)}`,
    uid: randomUUID(),
  };
  readonly #traffic: Traffic;
  #desired: Desired | undefined;
  #observed: Observation | undefined;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  get desired(): Desired {
    if (this.#desired === undefined) throw new Error("not declared");
    return this.#desired;
  }

  get provider(): TrafficProvider {
    return this.#traffic.provider;
  }

  async ensure(declared?: object): Promise<Observation> {
    if (declared !== undefined)
      this.#desired = {
        identity: this.identity,
        spec: this.#traffic.subject.spec(declared),
        status: this.#observed?.outputs,
      };
    this.#observed = await this.provider.ensure(this.desired, this.#traffic.context);
    return this.#observed;
  }

  observe(): Promise<Observation | undefined> {
    return this.provider.observe(this.desired, this.#traffic.context);
  }

  async remove(): Promise<void> {
    if (this.#desired !== undefined)
      await this.provider.remove(this.#desired, { ...this.#traffic.context, keepData: false });
  }

  port(listener = "http"): number {
    const ports = this.#observed?.outputs["ports"] as Readonly<Record<string, number>> | undefined;
    const port = ports?.[listener];
    if (port === undefined) throw new Error(`There is no listener '${listener}'.`);
    return port;
  }

  members(members: readonly (Backend | Member)[], pool = "web"): Promise<void> {
    return this.provider.setMembers(
      this.identity,
      pool,
      members.map((one) => (one instanceof Backend ? one.member : one)),
    );
  }

  ask(path = "/", asked: Asked = {}): Promise<Answer> {
    return ask(this.port(), path, asked);
  }

  /** The answers' texts of so many requests at once: backends answer their names. */
  async texts(count: number, path = "/"): Promise<readonly string[]> {
    const answers = await Promise.all(Array.from({ length: count }, () => this.ask(path)));
    return answers.map(({ text }) => text);
  }
}

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers its id, unless the path asks for something else or the test says how. */
export class Backend {
  readonly id: string;
  readonly server: Server;
  /** `GET /path` of every request that came, checks aside. */
  readonly seen: string[] = [];
  /** Answers to /held are kept back until `release`. */
  readonly #held = new Set<ServerResponse>();
  healthy = true;

  constructor(id: string, answer?: Answering) {
    this.id = id;
    this.server = createServer((asked, response) => {
      if (asked.url === "/healthz") return void response.writeHead(this.healthy ? 200 : 500).end();
      this.seen.push(`${asked.method} ${asked.url}`);
      if (answer === undefined) this.#answer(asked, response);
      else answer(asked, response);
    });
    this.server.on("upgrade", (asked, socket: Socket, head) => {
      this.seen.push(`${asked.method} ${asked.url}`);
      const accept = createHash("sha1")
        .update(`${asked.headers["sec-websocket-key"] ?? ""}${WEBSOCKET}`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${asked.headers.upgrade}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.write(head);
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get member(): Member {
    return { id: this.id, host: HOST, port: this.port, state: "ready" };
  }

  get draining(): Member {
    return { ...this.member, state: "draining" };
  }

  listen(): Promise<number> {
    return listening(this.server);
  }

  /** Resolves when so many requests to /held wait. */
  async holding(count: number): Promise<void> {
    await until(() => this.#held.size >= count);
  }

  release(): void {
    for (const response of this.#held) response.end(this.id);
    this.#held.clear();
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  #answer(asked: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(asked.url ?? "/", "http://backend");
    const answers: Readonly<Record<string, () => void>> = {
      "/told": () =>
        response.end(
          JSON.stringify({ url: asked.url, headers: asked.headers, fields: asked.headersDistinct }),
        ),
      "/echo": () => asked.pipe(response),
      "/held": () => {
        this.#held.add(response);
        response.on("close", () => this.#held.delete(response));
      },
      "/never": () => undefined,
      "/hangup": () => asked.socket.destroy(),
    };
    (answers[pathname] ?? (() => response.end(this.id)))();
    asked.resume();
  }
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly agent?: Agent;
  /** The client's own address, such as 127.0.0.2. */
  readonly from?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

export function ask(port: number, path = "/", asked: Asked = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, agent, from } = asked;
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: HOST,
        port,
        path,
        method,
        headers,
        agent: agent ?? false,
        ...(from === undefined ? {} : { localAddress: from }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString("latin1"),
            headers: response.headers,
          }),
        );
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

/** Sends bytes as they are and gives what comes back, until the other end closes or `enough` has come. */
export function say(port: number, bytes: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST, () => socket.write(bytes, "latin1"));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (enough?.test(text) === true) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

/** Clients with connections that stay open, until `stop`. An error and every status but 200 count as failed. */
export class Load {
  readonly failures: string[] = [];
  readonly #agent: Agent;
  readonly #clients: readonly Promise<void>[];
  #count = 0;
  #over = false;

  constructor(port: number, clients: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
    this.#clients = Array.from({ length: clients }, () => this.#run(port));
  }

  /** Resolves after so many further requests. */
  async more(count: number): Promise<void> {
    const goal = this.#count + count;
    await until(() => this.#count >= goal);
  }

  async stop(): Promise<readonly string[]> {
    this.#over = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
    return this.failures;
  }

  async #run(port: number): Promise<void> {
    while (!this.#over) {
      try {
        const { status, text } = await ask(port, "/", { agent: this.#agent });
        if (status !== 200) this.failures.push(`${status} ${text}`);
      } catch (error) {
        this.failures.push(String(error));
      }
      this.#count += 1;
    }
  }
}

/** Looks again and again until it is so; the test's own time limit is the limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(5);
}

function listening(server: NetServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

/** A certificate that signs itself, as the values of a Secret. */
export async function certificateFor(hosts: readonly string[]): Promise<Readonly<Record<string, string>>> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = systemClock.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomUUID().replaceAll("-", "")}`.slice(0, 32),
    name: [{ CN: [hosts[0] ?? ""] }],
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns" as const, value }))),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    "tls.crt": `${certificate.toString("pem")}\n`,
    "tls.key": `-----BEGIN PRIVATE KEY-----\n${(key.match(/.{1,64}/g) ?? []).join("\n")}\n-----END PRIVATE KEY-----\n`,
  };
}
