/**
 * LXD's REST API (1.0), over its unix socket or https with a client certificate: what is asked, answered at once or by an
 * operation that is waited for.
 *
 *   send --sync--> metadata
 *        --async--> operation --wait (again and again)--> metadata | LxdError
 *
 *  - A call whose signal is aborted asks nothing more; an operation that LXD has begun goes on, and the next `ensure` finds it.
 *  - An answer that is an error is a LxdError, with LXD's own words; that there is no answer is a LxdUnreachable.
 *
 * https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/
 */
import { existsSync } from "node:fs";
import { request as requestPlain, type ClientRequest, type IncomingMessage } from "node:http";
import { request as requestSecure } from "node:https";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { X509Certificate } from "node:crypto";
import WebSocket from "ws";

export interface LxdSettings {
  /** `unix:///path` or `https://host:8443`; the usual socket when absent. */
  readonly endpoint?: string;
  readonly tls?: LxdCertificates;
  readonly project?: string;
}

/** PEM texts: `server` is LXD's own certificate, or of who signed it. */
export interface LxdCertificates {
  readonly server: string;
  readonly cert: string;
  readonly key: string;
}

/** What LXD answered, in its own words. */
export class LxdError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message.replace(/\.$/, ""));
    this.name = "LxdError";
    this.status = status;
  }
}

export class LxdUnreachable extends Error {
  constructor(where: string, why: string) {
    super(`LXD at ${where} cannot be reached: ${why}.`);
    this.name = "LxdUnreachable";
  }
}

export interface Operation {
  readonly id: string;
  readonly status_code: number;
  readonly err?: string;
  readonly resources?: Readonly<Record<string, readonly string[]>> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Sent {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when bytes, else as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
  /** Milliseconds until the answer must be there. */
  readonly within?: number;
}

const USUAL_SOCKETS = ["/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket"];
const PATIENCE = 30_000;
/** One wait for an operation; it is repeated until the operation is over. */
const WAIT = 20;

export class Lxd {
  readonly endpoint: string;
  readonly isLocal: boolean;
  readonly project: string | undefined;
  readonly #tls: LxdCertificates | undefined;

  constructor({ endpoint = usualEndpoint(), tls, project }: LxdSettings) {
    this.endpoint = endpoint;
    this.isLocal = endpoint.startsWith("unix://");
    this.project = project;
    this.#tls = tls;
  }

  /** False where there is no such socket: nobody needs to be asked. */
  isThere(): boolean {
    return !this.isLocal || existsSync(this.#socket());
  }

  async get<T>(path: string, signal: AbortSignal, query?: Sent["query"]): Promise<T> {
    const sent = query === undefined ? { signal } : { signal, query };
    return metadataIn(await this.ask("GET", path, sent)) as T;
  }

  /** Undefined when there is none. */
  async find<T>(path: string, signal: AbortSignal): Promise<T | undefined> {
    return absent(this.get<T>(path, signal));
  }

  /** Also its version, for a change of exactly this: `If-Match`. */
  async findWithTag<T>(
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly value: T; readonly tag: string } | undefined> {
    const answer = await absent(this.ask("GET", path, { signal }));
    if (answer === undefined) return undefined;
    return { value: metadataIn(answer) as T, tag: String(answer.headers.etag ?? "") };
  }

  /** Asks for a change, and waits for the operation that it is. Resolves with the operation's metadata, if there was one. */
  async send(method: string, path: string, sent: Sent): Promise<Readonly<Record<string, unknown>>> {
    const begun = await this.begin(method, path, sent);
    return begun === undefined ? {} : this.wait(begun.id, sent.signal);
  }

  /** The operation that it is, undefined when it was done at once. */
  async begin(method: string, path: string, sent: Sent): Promise<Operation | undefined> {
    const answer = JSON.parse((await this.ask(method, path, sent)).body.toString() || "{}") as {
      readonly type?: string;
      readonly metadata?: Operation;
    };
    return answer.type === "async" ? answer.metadata : undefined;
  }

  async wait(id: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const operation = await this.get<Operation>(`/1.0/operations/${id}/wait`, signal, {
        timeout: String(WAIT),
      });
      if (operation.status_code >= 400)
        throw new LxdError(operation.status_code, operation.err ?? "it failed");
      if (operation.status_code === 200) return operation.metadata ?? {};
    }
  }

  /** What is under way and concerns this path, `/1.0/instances/web`. */
  async underWay(path: string, signal: AbortSignal): Promise<readonly Operation[]> {
    const listed = await this.get<Readonly<Record<string, readonly Operation[]>>>("/1.0/operations", signal, {
      recursion: "1",
    });
    return (listed["running"] ?? []).filter(({ resources }) =>
      Object.values(resources ?? {}).some((paths) => paths?.some((one) => one.split("?")[0] === path)),
    );
  }

  /** A connection of its own: events, the streams of a command. */
  socket(path: string, query: Readonly<Record<string, string>>): WebSocket {
    const target = this.#target(path, query);
    return this.isLocal
      ? new WebSocket(`ws+unix://${this.#socket()}:${target}`)
      : new WebSocket(
          `${this.endpoint.replace(/^https/, "wss").replace(/\/$/, "")}${target}`,
          this.#secured(),
        );
  }

  async ask(method: string, path: string, sent: Sent): Promise<Answer> {
    sent.signal.throwIfAborted();
    const answer = await this.#exchange(method, path, sent);
    if (answer.status < 400) return answer;
    throw new LxdError(answer.status, reasonIn(answer));
  }

  #exchange(
    method: string,
    path: string,
    { query = {}, headers, body, signal, within }: Sent,
  ): Promise<Answer> {
    const bytes = body instanceof Uint8Array ? body : body === undefined ? undefined : JSON.stringify(body);
    const options = {
      method,
      path: this.#target(path, query),
      signal,
      timeout: within ?? PATIENCE,
      headers: {
        ...(bytes === undefined ? {} : { "Content-Length": Buffer.byteLength(bytes) }),
        ...(body === undefined || body instanceof Uint8Array ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
    };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = this.#open(options, (message) => {
      const parts: Buffer[] = [];
      message.on("data", (part: Buffer) => parts.push(part));
      message.on("error", fail);
      message.on("end", () =>
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(parts) }),
      );
    });
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(signal.aborted ? (signal.reason as Error) : new LxdUnreachable(this.endpoint, inWords(error)));
    request.on("error", fail);
    request.on("timeout", () => request.destroy(new Error("it does not answer")));
    request.end(bytes);
    return promise;
  }

  #open(options: object, answered: (message: IncomingMessage) => void): ClientRequest {
    if (this.isLocal) return requestPlain({ ...options, socketPath: this.#socket() }, answered);
    const { hostname, port } = new URL(this.endpoint);
    return requestSecure({ ...options, hostname, port: port || 8443, ...this.#secured() }, answered);
  }

  #secured(): object {
    if (this.#tls === undefined) return {};
    const { server, cert, key } = this.#tls;
    return {
      ca: server,
      cert,
      key,
      // LXD signs its own certificate, for names it happens to know: exactly that one is trusted by itself.
      checkServerIdentity: (host: string, peer: PeerCertificate) =>
        peer.raw.equals(new X509Certificate(server).raw) ? undefined : checkServerIdentity(host, peer),
    };
  }

  #socket(): string {
    return this.endpoint.slice("unix://".length);
  }

  #target(path: string, query: Readonly<Record<string, string>>): string {
    const asked = { ...(this.project === undefined ? {} : { project: this.project }), ...query };
    const text = new URLSearchParams(asked).toString();
    return text === "" ? path : `${path}?${text}`;
  }
}

function usualEndpoint(): string {
  const { LXD_SOCKET: socket, LXD_DIR: folder } = process.env;
  const own = socket ?? (folder === undefined ? undefined : `${folder}/unix.socket`);
  return `unix://${own ?? USUAL_SOCKETS.find((path) => existsSync(path)) ?? (USUAL_SOCKETS.at(-1) as string)}`;
}

export async function absent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof LxdError && error.status === 404) return undefined;
    throw error;
  }
}

function metadataIn({ body }: Answer): unknown {
  return (JSON.parse(body.toString()) as { readonly metadata: unknown }).metadata;
}

function reasonIn({ status, body }: Answer): string {
  try {
    return (JSON.parse(body.toString()) as { readonly error?: string }).error ?? `it answered with ${status}`;
  } catch {
    return `it answered with ${status}`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there",
  EACCES: "this user may not open it",
  ECONNRESET: "it broke the connection off",
};

function inWords({ code, message }: NodeJS.ErrnoException): string {
  return REASONS[code ?? ""] ?? (message || "the connection failed");
}
