/**
 * One keep-alive connection to a member, carrying one request at a time.
 *
 * Job: turn a raw socket into "send this request, tell me the response". Owns the socket and its parser.
 *
 *   connecting -> idle <-> busy -> closed        (closed from every state)
 *
 * Invariants
 *  U1 One user at a time; after `onEnd` or `onFailure` the user hears nothing more.
 *  U2 Exactly one of `onEnd` and `onFailure` ends each use, unless the user itself calls `destroy`.
 *  U3 A connection is reused only after a complete, strict response that allowed it and a complete request.
 *  U4 Bytes that come while nobody asked close the connection.
 */
import { connect, type Socket } from "node:net";
import { LIMITS } from "./limits.ts";
import {
  MalformedResponse,
  ResponseParser,
  type ResponseHead,
  type ResponseSink,
} from "./response-parser.ts";

export type FailureKind = "connect" | "closed" | "malformed" | "timeout";

export interface Failure {
  readonly kind: FailureKind;
  /** System error code or a short reason; never contents. */
  readonly reason: string;
}

export interface UpstreamUser extends ResponseSink {
  onConnect(): void;
  onFailure(failure: Failure): void;
  /** The socket takes more of the request's body. */
  onDrain(): void;
}

export interface UpstreamTarget {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

/** All connections read into one buffer: a read is consumed before the next can happen (libuv reads, then calls back). */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #user: UpstreamUser | undefined;
  #connected = false;
  #closed = false;
  #paused = false;
  #reason = "";
  #connectTimer: NodeJS.Timeout | undefined;
  readonly #onClosed: (connection: UpstreamConnection) => void;
  /** When it became idle (milliseconds, the pool's clock). */
  idleSince = 0;
  /** Requests answered on it so far. */
  uses = 0;

  constructor(
    target: UpstreamTarget,
    user: UpstreamUser,
    onClosed: (connection: UpstreamConnection) => void,
  ) {
    this.#user = user;
    this.#onClosed = onClosed;
    this.#parser = new ResponseParser({
      onInformational: (head: ResponseHead) => this.#user?.onInformational(head),
      onHead: (head: ResponseHead) => this.#user?.onHead(head),
      onBody: (chunk: Buffer, last: boolean) => this.#user?.onBody(chunk, last),
      onEnd: () => this.#end(),
    });
    this.#socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback: (count: number) => this.#read(count) },
    });
    this.#connectTimer = setTimeout(() => this.#fail("connect", "ETIMEDOUT"), target.connectTimeoutMs);
    this.#socket.once("connect", () => this.#onConnect());
    this.#socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? "error";
    });
    this.#socket.on("drain", () => this.#user?.onDrain());
    this.#socket.on("end", () => this.#onEnd());
    this.#socket.on("close", () => this.#onEnd());
  }

  get open(): boolean {
    return this.#connected && !this.#closed;
  }

  /** Whether another request may follow the response just received (U3). */
  get reusable(): boolean {
    return this.open && this.#parser.persistent && !this.#parser.busy && !this.#socket.writableNeedDrain;
  }

  /** Takes an idle connection into use. */
  use(user: UpstreamUser): void {
    this.#user = user;
  }

  /** Sends a request's head (latin1), with a first piece of body in it where there is one. */
  send(method: string, head: string): void {
    this.#parser.expect(method);
    this.#socket.write(head, "latin1");
  }

  /** Sends more of the body; false asks to wait for `onDrain`. */
  write(chunk: Buffer | string): boolean {
    return typeof chunk === "string" ? this.#socket.write(chunk, "latin1") : this.#socket.write(chunk);
  }

  /** Sends one chunk of a chunked body. */
  writeChunk(chunk: Buffer): boolean {
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    this.#socket.write(chunk);
    const more = this.#socket.write("\r\n", "latin1");
    this.#socket.uncork();
    return more;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  destroy(): void {
    this.#user = undefined;
    this.#close();
  }

  #onConnect(): void {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
    this.#connected = true;
    this.#user?.onConnect();
  }

  #read(count: number): boolean {
    if (this.#closed) return true;
    if (!this.#parser.busy) {
      this.destroy(); // U4
      return true;
    }
    try {
      this.#parser.execute(READ_BUFFER.subarray(0, count));
    } catch (error) {
      this.#fail(
        "malformed",
        error instanceof MalformedResponse ? error.message : "the response could not be relayed",
      );
    }
    return true;
  }

  /** The response is complete: the user decides whether to keep the connection. */
  #end(): void {
    const user = this.#user;
    this.#user = undefined;
    this.uses += 1;
    this.resume(); // A paused idle connection would not notice that it is closed.
    user?.onEnd();
  }

  #onEnd(): void {
    if (this.#closed) return;
    if (this.#reason === "" && this.#parser.finish()) return this.#close();
    this.#fail(
      this.#connected ? "closed" : "connect",
      this.#reason === "" ? "the member closed the connection" : this.#reason,
    );
  }

  #fail(kind: FailureKind, reason: string): void {
    const user = this.#user;
    this.#user = undefined;
    this.#close();
    user?.onFailure({ kind, reason });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    this.#socket.destroy();
    this.#onClosed(this);
  }
}

/** Whether an idle connection is still young enough to be used. */
export function isFresh(connection: UpstreamConnection, now: number): boolean {
  return connection.open && now - connection.idleSince < LIMITS.idleConnectionMs;
}
