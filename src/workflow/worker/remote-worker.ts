/**
 * `tutti worker`: offers a module's handlers to a control plane, from any machine that reaches its API.
 *
 *     connecting ──welcome──> connected ──connection lost──> connecting (handlers go on) ──another session──> begins anew
 *     connected ──drain──> draining ──end, or the grace is over──> ended
 */
import { hostname } from "node:os";
import { WebSocket } from "ws";
import type { Clock } from "../../clock/clock.ts";
import { type Hello, LARGEST_FRAME, type Report, type Welcome } from "./protocol.ts";
import type { Channel } from "./session.ts";
import { socketChannel } from "./sockets.ts";
import { Worker } from "./worker.ts";

export interface RemoteWorkerOptions {
  /** Of the API: `http://127.0.0.1:7700`. */
  readonly url: string;
  readonly token: string;
  /** Absolute. */
  readonly module: string;
  readonly namespace: string;
  /** Absent: any of the namespace. */
  readonly workflows?: readonly string[];
  readonly pool?: string;
  readonly slots: number;
  readonly clock: Clock;
  /** What people are to know. */
  readonly say: (line: string) => void;
}

/** Milliseconds between two attempts to connect. */
const PAUSE = { first: 200, most: 5000 };
/** Milliseconds without a word from the control plane, which says something twice a second, after which it is asked again. */
const SILENCE = 7500;

export class RemoteWorker {
  readonly #options: RemoteWorkerOptions;
  readonly #worker: Worker;
  readonly #name = `${hostname()}/${process.pid}`;
  readonly #over = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #session: string | undefined;
  #socket: WebSocket | undefined;
  #heardAt = 0;

  constructor(options: RemoteWorkerOptions) {
    this.#options = options;
    this.#worker = new Worker({
      module: options.module,
      onEnd: () => this.#ended.resolve(),
      onLoaded: (report) => this.#loaded(report),
    });
  }

  /** Resolves when it has ended as it was told to. Rejects when the module cannot be loaded, or the control plane refuses. */
  async run(): Promise<void> {
    void this.#stayConnected();
    try {
      await this.#ended.promise;
    } finally {
      this.#over.abort();
      this.#socket?.close();
      await this.#worker.close();
    }
  }

  /** Takes nothing further, and ends when what runs is done, or after `grace` milliseconds: then the rest is handed back. */
  drain(grace: number): void {
    this.#worker.drain();
    this.#options.clock.setTimeout(() => this.#ended.resolve(), grace);
  }

  #loaded(report: Extract<Report, { readonly is: "offer" | "problem" }>): void {
    if (report.is === "problem") {
      this.#ended.reject(new Error(`${report.message}\n${report.stack}`));
      return;
    }
    const names = [
      ...report.handlers.map(({ name, version }) => (version === undefined ? name : `${name}@${version}`)),
      ...report.programs,
    ];
    this.#options.say(
      `Offers ${names.length === 0 ? "nothing: the module exports no handlers" : names.join(", ")}.`,
    );
  }

  async #stayConnected(): Promise<void> {
    const { clock } = this.#options;
    let pause = PAUSE.first;
    while (!this.#over.signal.aborted) {
      const wasConnected = await this.#connect();
      pause = wasConnected ? PAUSE.first : Math.min(PAUSE.most, pause * 2);
      await clock.sleep(pause * (0.5 + clock.random()), this.#over.signal).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended: true when there was one. */
  #connect(): Promise<boolean> {
    const { url, token, say, clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/workers`, {
      headers: { authorization: `Bearer ${token}` },
      maxPayload: LARGEST_FRAME,
      handshakeTimeout: SILENCE,
    });
    this.#socket = socket;
    this.#heardAt = clock.now();
    let isWelcome = false;
    const watch = setInterval(() => {
      if (this.#heardAt + SILENCE < clock.now()) socket.terminate();
    }, 1000);
    const channel = socketChannel(
      socket,
      (text) => {
        this.#heardAt = clock.now();
        if (isWelcome) {
          if (!this.#worker.session.accept(text)) socket.terminate();
        } else {
          isWelcome = true;
          this.#welcomed(text, channel);
        }
      },
      () => {
        clearInterval(watch);
        this.#worker.session.detach(channel);
        if (isWelcome && !this.#over.signal.aborted)
          say("The connection is lost; handlers go on while it is sought again.");
        resolve(isWelcome);
      },
    );
    socket.on("open", () => channel.send(JSON.stringify(this.#hello())));
    socket.on("unexpected-response", (_request, response) => {
      const { statusCode = 0 } = response;
      if (statusCode === 401 || statusCode === 403)
        this.#ended.reject(new Error("The control plane refuses the token. Give another with --token."));
      if (statusCode === 404)
        this.#ended.reject(
          new Error("The control plane at that address takes no workers: it is another version."),
        );
      socket.terminate();
    });
    return promise;
  }

  #hello(): Hello {
    const { namespace, workflows, pool, slots } = this.#options;
    return {
      worker: this.#name,
      ...(this.#session === undefined ? {} : { session: this.#session }),
      received: this.#session === undefined ? 0 : this.#worker.session.received,
      namespace,
      ...(workflows === undefined ? {} : { workflows }),
      ...(pool === undefined ? {} : { pool }),
      slots,
    };
  }

  #welcomed(text: string, channel: Channel): void {
    const welcome = welcomeIn(text);
    if (welcome === undefined) {
      channel.close();
      return;
    }
    const { say, url } = this.#options;
    const isAnother = this.#session !== undefined && this.#session !== welcome.session;
    if (isAnother) {
      say("The control plane has given its work to others meanwhile: it begins anew.");
      this.#worker.beginAnew();
    } else say(`Connected to ${url}.`);
    this.#session = welcome.session;
    this.#worker.session.attach(channel, welcome.received);
  }
}

function welcomeIn(text: string): Welcome | undefined {
  try {
    const value = JSON.parse(text) as Partial<Welcome> | null;
    return typeof value?.session === "string" && typeof value.received === "number"
      ? { session: value.session, received: value.received }
      : undefined;
  } catch {
    return undefined;
  }
}
