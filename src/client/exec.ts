/**
 * Runs a command in an instance, over a WebSocket with the subprotocol of Kubernetes: the first byte of each message is
 * its channel. Loaded only when somebody executes something.
 */
import { WebSocket } from "ws";
import type { ExecSession } from "../provider/provider.ts";
import { ApiError, type ApiStatus, UnreachableError, asStatus } from "./error.ts";
import type { Address } from "./transport.ts";

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** Version 5 can say that the input has ended; version 4 cannot. */
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/** `path`: with its query. Rejects with ApiError when it is refused, UnreachableError when nobody answers. */
export function openExec(address: Address, path: string, signal?: AbortSignal): Promise<ExecSession> {
  const target =
    address.socketPath === undefined
      ? `${address.url.replace(/^http/, "ws")}${path}`
      : `ws+unix://${address.socketPath}:${path}`;
  const socket = new WebSocket(target, PROTOCOLS, {
    headers: { authorization: `Bearer ${address.token}` },
    maxPayload: 16 << 20,
  });
  const session = new Session(socket);
  return new Promise((resolve, reject) => {
    const abort = (): void => socket.terminate();
    signal?.addEventListener("abort", abort, { once: true });
    socket.once("close", () => signal?.removeEventListener("abort", abort));
    socket.once("open", () => resolve(session));
    socket.once("error", (error) => reject(new UnreachableError(address.url, error)));
    socket.once("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        reject(new ApiError(asStatus(body, response.statusCode ?? 500)));
        socket.terminate();
      });
    });
  });
}

class Session implements ExecSession {
  readonly #socket: WebSocket;
  readonly #stdout = new ByteQueue();
  readonly #stderr = new ByteQueue();
  readonly exitCode: Promise<number>;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    const exit = Promise.withResolvers<number>();
    this.exitCode = exit.promise;
    // Whoever does not ask for the exit code is not told of the failure by a crash.
    exit.promise.catch(() => undefined);
    socket.on("message", (message: Buffer) => {
      const content = message.subarray(1);
      if (message[0] === CHANNEL.stdout) this.#stdout.push(content);
      else if (message[0] === CHANNEL.stderr) this.#stderr.push(content);
      else if (message[0] === CHANNEL.error) settle(exit, content.toString("utf8"));
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#stdout.end();
      this.#stderr.end();
      exit.reject(new Error("The connection ended before the command did."));
    });
  }

  get stdout(): AsyncIterable<Uint8Array> {
    return this.#stdout;
  }

  get stderr(): AsyncIterable<Uint8Array> {
    return this.#stderr;
  }

  write(bytes: Uint8Array): void {
    this.#send(CHANNEL.stdin, bytes);
  }

  endInput(): void {
    if (this.#socket.protocol.startsWith("v5")) this.#send(CHANNEL.close, Buffer.from([CHANNEL.stdin]));
  }

  resize(columns: number, rows: number): void {
    this.#send(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
  }

  kill(): void {
    this.#socket.close(1000);
  }

  #send(channel: number, content: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN)
      this.#socket.send(Buffer.concat([Buffer.from([channel]), content]));
  }
}

/** A command's end is a Status: Success, or a Failure whose cause ExitCode says how. */
function settle(exit: PromiseWithResolvers<number>, text: string): void {
  const status = asStatus(text, 500);
  if (status.status === "Success") return exit.resolve(0);
  const code = status.details?.causes?.find((cause) => cause.reason === "ExitCode")?.message;
  if (code === undefined) exit.reject(new ApiError(status satisfies ApiStatus));
  else exit.resolve(Number(code));
}

/** Bytes that arrived before somebody asked for them wait here. One reader. */
class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
