/**
 * The body of one request on its way to a member, kept for a second attempt while it is small.
 *
 * Invariants
 *  B1 Nothing is read from the client before a member's connection is there to take it.
 *  B2 At most LIMITS.replayBytes are kept; with one byte more the body can no longer be replayed.
 *  B3 The client is paused while the member's connection is full, and between attempts.
 */
import type { IncomingMessage } from "node:http";
import { LIMITS } from "./limits.ts";
import type { BodyFraming } from "./request-head.ts";
import type { UpstreamConnection } from "./upstream.ts";

export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #framing: BodyFraming;
  readonly #onProgress: () => void;
  #connection: UpstreamConnection | undefined;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #replayable = true;
  #listening = false;
  #ended: boolean;

  constructor(request: IncomingMessage, framing: BodyFraming, onProgress: () => void) {
    this.#request = request;
    this.#framing = framing;
    this.#onProgress = onProgress;
    this.#ended = framing.kind === "none" || (framing.kind === "length" && framing.length === 0);
  }

  /** Whether everything the client has to send was handed to the current connection. */
  get complete(): boolean {
    return this.#ended;
  }

  get replayable(): boolean {
    return this.#replayable;
  }

  /** Sends the body to a connection whose head has been sent; what was read before is sent again first. */
  attach(connection: UpstreamConnection): void {
    if (this.#framing.kind === "none") return;
    this.#connection = connection;
    for (const chunk of this.#kept) this.#write(connection, chunk);
    if (this.#ended) return this.#finish(connection);
    if (!this.#listening) this.#listen();
    this.#request.resume();
  }

  detach(): void {
    this.#connection = undefined;
    if (this.#listening && !this.#ended) this.#request.pause();
  }

  /** The response is over: what the client still sends is thrown away. */
  discard(): void {
    this.#connection = undefined;
    this.#kept = [];
    this.#request.resume();
  }

  resume(): void {
    if (this.#connection !== undefined && !this.#ended) this.#request.resume();
  }

  #listen(): void {
    this.#listening = true;
    this.#request.on("data", (chunk: Buffer) => this.#onChunk(chunk));
    this.#request.on("end", () => {
      this.#ended = true;
      if (this.#connection !== undefined) this.#finish(this.#connection);
    });
  }

  #onChunk(chunk: Buffer): void {
    if (this.#replayable) this.#keep(chunk);
    const connection = this.#connection;
    if (connection === undefined) return;
    if (!this.#write(connection, chunk)) this.#request.pause();
    this.#onProgress();
  }

  #keep(chunk: Buffer): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes <= LIMITS.replayBytes) this.#kept.push(chunk);
    else {
      this.#replayable = false;
      this.#kept = [];
    }
  }

  #write(connection: UpstreamConnection, chunk: Buffer): boolean {
    return this.#framing.kind === "chunked" ? connection.writeChunk(chunk) : connection.write(chunk);
  }

  #finish(connection: UpstreamConnection): void {
    if (this.#framing.kind === "chunked") connection.write("0\r\n\r\n");
    this.#onProgress();
  }
}
