/**
 * HTTP to one control plane: connections kept alive, JSON in and out, streams of lines. Everything that goes wrong below
 * HTTP becomes an UnreachableError, every answer of 400 and more an ApiError.
 */
import type { IncomingMessage, RequestOptions } from "node:http";
import { ApiError, UnreachableError, asStatus } from "./error.ts";

/** Not imported: that would load a whole HTTP client beside it (14 MB, 25 ms); see providers/local/balancer/http.ts. */
const { Agent, request } = process.getBuiltinModule("node:http");

export interface Address {
  /** `http://127.0.0.1:7700`. */
  readonly url: string;
  readonly token: string;
  /** A Unix socket to connect to instead of the URL's host and port. */
  readonly socketPath?: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  /** Members that are undefined are left out; arrays are repeated. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** In whose name, and in which groups, as `kubectl --as`. */
  readonly as?: { readonly user: string; readonly groups?: readonly string[] } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A line longer than this ends the stream: no resource is that large, so something else is speaking. */
const MAX_LINE = 64 << 20;

export class Transport {
  readonly #address: Address;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 8 });

  constructor(address: Address) {
    this.#address = address;
  }

  get address(): Address {
    return this.#address;
  }

  /** The answer's JSON, or its text when it is none. */
  async json(call: Call): Promise<unknown> {
    const text = await this.text(call);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new UnreachableError(this.#address.url, error);
    }
  }

  async text(call: Call): Promise<string> {
    const response = await this.#send(call);
    return this.#read(response);
  }

  /** The answer line by line as it comes; ends when the server ends it, or when the signal is aborted. */
  async *lines(call: Call): AsyncGenerator<string, void, undefined> {
    const response = await this.#send(call);
    response.setEncoding("utf8");
    let pending = "";
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        const lines = (pending + chunk).split("\n");
        pending = lines.pop() ?? "";
        if (pending.length > MAX_LINE) throw new Error("a line without an end");
        yield* lines;
      }
      if (pending !== "") yield pending;
    } catch (error) {
      if (call.signal?.aborted === true) return;
      throw new UnreachableError(this.#address.url, error);
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(call: Call): Promise<IncomingMessage> {
    const body = call.body === undefined ? undefined : encode(call.body);
    const response = await this.#exchange(call, body, true);
    if ((response.statusCode ?? 500) < 400) return response;
    throw new ApiError(asStatus(await this.#read(response), response.statusCode ?? 500));
  }

  /** A kept connection may have been closed by the other side meanwhile: then, and only then, the request is sent again. */
  #exchange(call: Call, body: Buffer | undefined, mayRepeat: boolean): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request(this.#options(call, body), resolve);
      sent.on("error", (error: NodeJS.ErrnoException) => {
        if (call.signal?.aborted === true) reject(call.signal.reason as Error);
        else if (
          mayRepeat &&
          sent.reusedSocket &&
          (error.code === "ECONNRESET" || error.code === "EPIPE") &&
          isRepeatable(call)
        ) {
          this.#exchange(call, body, false).then(resolve, reject);
        } else reject(new UnreachableError(this.#address.url, error));
      });
      sent.end(body);
    });
  }

  #options(call: Call, body: Buffer | undefined): RequestOptions {
    const { url, token, socketPath } = this.#address;
    const { hostname, port } = new URL(url);
    return {
      method: call.method,
      path: call.path + queryText(call.query ?? {}),
      agent: this.#agent,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(call.as === undefined
          ? {}
          : { "impersonate-user": call.as.user, "impersonate-group": [...(call.as.groups ?? [])] }),
        ...(body === undefined
          ? {}
          : { "content-type": call.contentType ?? "application/json", "content-length": body.length }),
      },
      ...(socketPath === undefined
        ? { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) }
        : { socketPath }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    };
  }

  async #read(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch (error) {
      throw new UnreachableError(this.#address.url, error);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

/** Reading twice does no harm. A write is not repeated: it may have been done. */
function isRepeatable(call: Call): boolean {
  return call.method === "GET";
}

function encode(body: unknown): Buffer {
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8");
}

export function queryText(query: NonNullable<Call["query"]>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) search.append(name, String(one));
  }
  return search.size === 0 ? "" : `?${search.toString()}`;
}
