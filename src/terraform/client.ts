/** The asking side of a plugin's connection: calls by their names here, whichever protocol is spoken. */
import type { ChannelCredentials, Client, ServiceError } from "@grpc/grpc-js";
import type { Type as MessageType } from "protobufjs";
import { CALLS, type CallName, type Protocol, messagesOf, pathOf } from "./descriptor.ts";
import type { Handshake } from "./handshake.ts";
import type { OwnCertificate } from "./identity.ts";
import type { Calls } from "./messages.ts";

const LARGEST = 256 * 1024 * 1024;

/** The plugin did not answer: it is gone, or cannot. */
export class CallFailed extends Error {
  /** The connection is lost. */
  readonly isLost: boolean;

  constructor(call: string, { details, code }: Pick<ServiceError, "details" | "code">) {
    super(`The call ${call} failed: ${details}.`);
    this.name = "CallFailed";
    this.isLost = code === UNAVAILABLE;
  }
}

export class PluginClient {
  readonly protocol: Protocol;
  readonly #client: Client;
  readonly #message: (name: string) => MessageType;
  /** Of calls under way: ends them without an answer. */
  readonly #pending = new Set<() => void>();
  #isOver = false;

  private constructor(protocol: Protocol, client: Client, message: (name: string) => MessageType) {
    this.protocol = protocol;
    this.#client = client;
    this.#message = message;
  }

  /** `ended`: when the plugin's process is gone. The library does not notice in every case, and a call would wait for ever. */
  static async connect(
    handshake: Handshake,
    own: OwnCertificate,
    ended?: Promise<void>,
  ): Promise<PluginClient> {
    const { protocol, address, certificate } = handshake;
    const grpc = await import("@grpc/grpc-js");
    const credentials: ChannelCredentials =
      certificate === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(
            Buffer.from(certificate),
            Buffer.from(own.key),
            Buffer.from(own.certificate),
          );
    const client = new grpc.Client(address, credentials, {
      "grpc.ssl_target_name_override": "localhost",
      "grpc.default_authority": "localhost",
      "grpc.max_receive_message_length": LARGEST,
      "grpc.max_send_message_length": LARGEST,
      // A proxy of the environment is for others, not for a socket of this machine.
      "grpc.enable_http_proxy": 0,
    });
    const connected = new PluginClient(protocol, client, await messagesOf(protocol));
    void ended?.then(() => connected.#endAll());
    return connected;
  }

  /** Rejects with CallFailed, or with the signal's reason when that was aborted. */
  call<N extends CallName>(name: N, request: Calls[N][0], signal?: AbortSignal): Promise<Calls[N][1]> {
    const { request: asked, answer: answered } = CALLS[name];
    const [sent, received] = [this.#message(asked), this.#message(answered)];
    return this.#unary(
      pathOf(name, this.protocol),
      (message: object) => Buffer.from(sent.encode(message).finish()),
      (bytes) => received.decode(bytes) as unknown as Calls[N][1],
      request,
      signal,
    );
  }

  /** Asks it to end. Resolves when it has heard, or is gone. */
  async shutDown(): Promise<void> {
    await this.#unary(
      "/plugin.GRPCController/Shutdown",
      () => Buffer.alloc(0),
      () => ({}),
      {},
    ).catch(() => undefined);
  }

  close(): void {
    this.#client.close();
  }

  /** An answer that was sent before the end may still be on its way. */
  #endAll(): void {
    setTimeout(() => {
      this.#isOver = true;
      for (const end of this.#pending) end();
      this.#pending.clear();
    }, ON_ITS_WAY);
  }

  #unary<Q, A>(
    path: string,
    serialize: (request: Q) => Buffer,
    deserialize: (bytes: Buffer) => A,
    request: Q,
    signal?: AbortSignal,
  ): Promise<A> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const lost = (): void =>
        reject(new CallFailed(path, { details: "the program has ended", code: UNAVAILABLE }));
      if (this.#isOver) {
        lost();
        return;
      }
      this.#pending.add(lost);
      const call = this.#client.makeUnaryRequest(path, serialize, deserialize, request, (error, answer) => {
        this.#pending.delete(lost);
        signal?.removeEventListener("abort", cancel);
        if (error === null && answer !== undefined) resolve(answer);
        else if (signal?.aborted === true) reject(signal.reason as Error);
        else reject(new CallFailed(path, error as ServiceError));
      });
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }
}

const UNAVAILABLE = 14;
/** Milliseconds. */
const ON_ITS_WAY = 250;
