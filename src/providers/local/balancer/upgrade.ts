/**
 * A request to switch protocols (WebSocket and others): forwarded, and joined to the member once it agrees.
 *
 *   searching -> asked -> joined (101) | answered (any other response, then closed) -> over
 *
 * Invariants
 *  G1 No byte the client sent after its request reaches the member before the member's 101: otherwise a refused
 *     upgrade would let a client speak to the member past the balancer (request smuggling).
 *  G2 h2c is never forwarded, for the same reason (see `mayUpgrade`).
 *  G3 `#finish` runs once.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { answerText, retryAfterOf } from "./answer.ts";
import { STATUS_CODES } from "./http.ts";
import type { Member } from "./member.ts";
import { MemberSocket, type MemberSocketUser } from "./member-socket.ts";
import { responseFields, type ForwardRoute } from "./proxy.ts";
import type { RequestHead } from "./request-head.ts";
import { requestHead } from "./request-writer.ts";
import { ResponseParser, type ResponseHead, type ResponseSink } from "./response-parser.ts";
import { splice } from "./splice.ts";
import type { Affinity } from "./stickiness.ts";

/** Whether a request may switch protocols; otherwise it is served as if it had not asked (RFC 9110 §7.8). */
export function mayUpgrade(request: IncomingMessage): boolean {
  const { upgrade } = request.headers;
  if (upgrade === undefined || !/^[\w.-]+(\/[\w.-]+)?$/.test(upgrade) || /^(h2c|tls|http)/i.test(upgrade))
    return false;
  const { "transfer-encoding": coding, "content-length": length } = request.headers;
  return request.method === "GET" && coding === undefined && (length === undefined || length === "0");
}

/** Writes an answer to a client whose socket has left the HTTP server, and closes it. */
export function answerSocket(client: Duplex, status: number, requestId?: string, seconds?: number): void {
  const text = answerText(status, requestId);
  const retryAfter = retryAfterOf(status, seconds);
  const retry = retryAfter === undefined ? "" : `Retry-After: ${retryAfter}\r\n`;
  client.on("error", () => undefined);
  client.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n${retry}Connection: close\r\n\r\n${text}`,
  );
}

export class Upgrade implements MemberSocketUser, ResponseSink {
  readonly #client: Duplex;
  readonly #early: Buffer;
  readonly #head: RequestHead;
  readonly #route: ForwardRoute;
  readonly #now: () => number;
  readonly #text: string;
  readonly #startedAt: number;
  readonly #affinity: Affinity | undefined;
  readonly #upstream: MemberSocket;
  readonly #parser: ResponseParser;
  #socket: Socket | undefined;
  #member: Member | undefined;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #over = false;

  constructor(
    request: IncomingMessage,
    client: Duplex,
    early: Buffer,
    head: RequestHead,
    route: ForwardRoute,
    now: () => number,
  ) {
    this.#client = client;
    this.#early = early;
    this.#head = head;
    this.#route = route;
    this.#now = now;
    this.#startedAt = now();
    this.#text = requestHead(head, {
      stripPrefix: route.stripPrefix,
      rules: route.requestRules,
      upgrade: request.headers.upgrade,
    });
    this.#affinity = route.stickiness?.of(head);
    this.#upstream = new MemberSocket(route.pool, this, now, this.#affinity);
    this.#parser = new ResponseParser(this);
  }

  start(): void {
    this.#route.statistics.inFlight += 1;
    this.#client.on("error", () => undefined);
    this.#client.once("close", this.#finish);
    this.#upstream.start();
  }

  onSocket(socket: Socket, member: Member): void {
    this.#socket = socket;
    this.#member = member;
    this.#parser.expect(this.#head.method);
    socket.on("data", this.#onData);
    socket.once("close", this.#onMemberClosed);
    this.#timer = setTimeout(
      () => this.#refuse(504),
      this.#route.timeoutMs ?? this.#route.pool.settings.requestTimeoutMs,
    );
    socket.write(this.#text, "latin1");
  }

  onNoMember(): void {
    this.#refuse(503);
  }

  onInformational(): void {
    // A client that asked to switch gets no interim responses.
  }

  onHead(head: ResponseHead): void {
    clearTimeout(this.#timer);
    this.#status = head.status;
    const now = this.#now();
    this.#member?.statistics.responded(now, now - this.#startedAt, head.status);
    const fields = responseFields(head, this.#route, this.#affinity, this.#member);
    let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
    for (let index = 0; index < fields.length; index += 2)
      text += `${fields[index] ?? ""}: ${fields[index + 1] ?? ""}\r\n`;
    text +=
      head.status === 101
        ? `Connection: Upgrade\r\nUpgrade: ${head.upgrade ?? ""}\r\n\r\n`
        : "Connection: close\r\n\r\n";
    this.#client.write(text, "latin1");
  }

  onBody(chunk: Buffer): void {
    if (this.#client.write(chunk)) return;
    this.#socket?.pause();
    this.#client.once("drain", () => this.#socket?.resume());
  }

  onEnd(): void {
    if (this.#status === 101) return;
    this.#client.removeListener("close", this.#finish);
    this.#client.end();
    this.#finish();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      const used = this.#parser.execute(chunk);
      if (this.#status === 101) this.#join(chunk.subarray(used));
    } catch {
      this.#refuse(502);
    }
  };

  #join(rest: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.removeListener("data", this.#onData);
    socket.removeListener("close", this.#onMemberClosed);
    this.#client.removeListener("close", this.#finish);
    if (rest.length > 0) this.#client.write(rest);
    if (this.#early.length > 0) socket.write(this.#early); // G1
    splice(this.#client, socket, this.#finish);
  }

  readonly #onMemberClosed = (): void => {
    if (!this.#parser.finish()) this.#refuse(502);
  };

  #refuse(status: number): void {
    if (this.#over) return;
    this.#route.statistics.errors += 1;
    this.#client.removeListener("close", this.#finish);
    if (this.#status === 0) {
      this.#status = status;
      answerSocket(this.#client, status, this.#head.requestId);
    } else this.#client.destroy();
    this.#finish();
  }

  readonly #finish = (): void => {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const now = this.#now();
    const { statistics, pool } = this.#route;
    statistics.inFlight -= 1;
    statistics.finished(now, now - this.#startedAt, this.#status, pool.name, this.#member?.id ?? "");
    this.#upstream.close();
  };
}
