/**
 * Frames over a connection that may break and come back.
 *
 * Invariants:
 * 1. Frames are received in the order of their numbers, each once: what was received before is dropped when it comes again.
 * 2. A frame is kept until the other side has acknowledged it; when a connection is there again, what it lacks is sent.
 */
import { type Target, decodeFrame, encodeFrame } from "./protocol.ts";

/** Carries texts as they are, in order, until it closes. */
export interface Channel {
  send(text: string): void;
  close(): void;
}

export class Session {
  readonly #receive: (target: Target, text: string) => void;
  readonly #kept: { readonly number: number; readonly target: Target; readonly text: string }[] = [];
  #channel: Channel | undefined;
  #sent = 0;
  #received = 0;
  #acknowledged = 0;

  constructor(receive: (target: Target, text: string) => void) {
    this.#receive = receive;
  }

  /** The number of the newest frame that came in. */
  get received(): number {
    return this.#received;
  }

  get isConnected(): boolean {
    return this.#channel !== undefined;
  }

  /** `received`: what the other side says that it has. */
  attach(channel: Channel, received: number): void {
    const before = this.#channel;
    this.#channel = channel;
    before?.close();
    this.#acknowledge(received);
    for (const frame of this.#kept) this.#write(frame);
  }

  /** The channel has closed; if another has taken its place meanwhile, nothing changes. */
  detach(channel: Channel): void {
    if (this.#channel === channel) this.#channel = undefined;
  }

  /** `text`: JSON of a list of messages. */
  send(target: Target, text: string): void {
    const frame = { number: ++this.#sent, target, text };
    this.#kept.push(frame);
    if (this.#channel !== undefined) this.#write(frame);
  }

  /** False when it is no frame, or one is missing before it: the other side is not what it says. */
  accept(text: string): boolean {
    const frame = decodeFrame(text);
    if (frame === undefined || frame.number > this.#received + 1) return false;
    this.#acknowledge(frame.acknowledged);
    if (frame.number <= this.#received) return true;
    this.#received = frame.number;
    this.#receive(frame.target, frame.text);
    return true;
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
    this.#kept.length = 0;
  }

  #write(frame: { readonly number: number; readonly target: Target; readonly text: string }): void {
    this.#channel?.send(encodeFrame({ ...frame, acknowledged: this.#received }));
  }

  #acknowledge(number: number): void {
    if (number <= this.#acknowledged) return;
    this.#acknowledged = number;
    const first = this.#kept.findIndex((frame) => frame.number > number);
    this.#kept.splice(0, first < 0 ? this.#kept.length : first);
  }
}

/** Gathers messages, which are JSON already, until the turn of the event loop is over. */
export class Outbox {
  readonly #flush: (text: string) => void;
  #messages: string[] = [];
  #size = 0;

  constructor(flush: (text: string) => void) {
    this.#flush = flush;
  }

  push(message: string): void {
    if (this.#messages.length === 0) setImmediate(() => this.flush());
    this.#messages.push(message);
    this.#size += message.length;
    if (this.#size > LARGE) this.flush();
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const text = `[${this.#messages.join(",")}]`;
    this.#messages = [];
    this.#size = 0;
    this.#flush(text);
  }
}

const LARGE = 1 << 20;
