/**
 * Fetches an exposition over HTTP. Connections are kept between scrapes. Everything is bounded: headers by 16 KiB, the time
 * by the signal (which is the scrape's timeout, so that a target that drips is cut off as one that is silent), the body by
 * whoever reads it.
 */
import { STATUS_CODES } from "node:http";
import { Agent, type Dispatcher, interceptors } from "undici";
import { ACCEPT, ACCEPT_PROTOBUF } from "../exposition/format.ts";
import { type Body, bodyOf, type Take } from "./body.ts";
import type { ScrapeJob, ScrapeTls, Target } from "./target.ts";

const MAX_HEADERS = 16 * 1024;
const MAX_REDIRECTIONS = 10;
/** Above the usual intervals; servers that close earlier say so, and are believed. */
const KEEP_ALIVE = 150_000;

/** Connections, by TLS settings. */
export class Connections {
  readonly #agents = new Map<string, { readonly agent: Agent; readonly dispatcher: Dispatcher }>();

  of(tls: ScrapeTls = {}): Dispatcher {
    const key = JSON.stringify(tls);
    let known = this.#agents.get(key);
    if (known === undefined) {
      const agent = new Agent({
        maxHeaderSize: MAX_HEADERS,
        keepAliveTimeout: KEEP_ALIVE,
        keepAliveMaxTimeout: KEEP_ALIVE,
        // The signal is the only limit of time.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: {
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          rejectUnauthorized: tls.insecureSkipVerify !== true,
        },
      });
      const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTIONS }));
      this.#agents.set(key, (known = { agent, dispatcher }));
    }
    return known.dispatcher;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(({ agent }) => agent.destroy()));
    this.#agents.clear();
  }
}

/** Told of the content type before anything comes; what it returns takes the chunks and throws to refuse the rest. */
export type Open = (contentType: string | undefined) => Take;

/** Resolves when `open`'s reader has had the whole body. Rejects with what it threw, the signal's reason, or an Error. */
export async function fetchExposition(
  target: Target,
  connections: Connections,
  signal: AbortSignal,
  open: Open,
): Promise<void> {
  const dispatcher = connections.of(target.definition.job.tls);
  const first = new Exchange(open);
  try {
    await first.run(target, dispatcher, signal);
  } catch (error) {
    // A connection that was kept may be closed by the server just when it is used again: then a new one is due.
    if (first.answered || signal.aborted || !isClosed(error)) throw error;
    await new Exchange(open).run(target, dispatcher, signal);
  }
}

function isClosed(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

class Exchange {
  answered = false;
  readonly #open: Open;
  #body: Body | undefined;
  #stop: ((reason: Error) => void) | undefined;

  constructor(open: Open) {
    this.#open = open;
  }

  async run(target: Target, dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
    const { job } = target.definition;
    const url = new URL(target.url);
    const options: Dispatcher.DispatchOptions = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: "GET",
      headers: { ...headersOf(target, url), ...job.headers, ...authorization(job) },
    };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const aborted = (): void => {
      const reason = signal.reason as Error;
      this.#stop?.(reason);
      this.#body?.destroy();
      reject(reason);
    };
    if (signal.aborted) throw signal.reason;
    signal.addEventListener("abort", aborted, { once: true });
    try {
      dispatcher.dispatch(options, this.#reader(signal, resolve, reject));
      await promise;
    } finally {
      signal.removeEventListener("abort", aborted);
      this.#body?.destroy();
    }
  }

  #reader(
    signal: AbortSignal,
    resolve: () => void,
    reject: (error: unknown) => void,
  ): Dispatcher.DispatchHandler {
    const fail = (controller: Dispatcher.DispatchController, error: unknown): void => {
      reject(error);
      controller.abort(error as Error);
    };
    return {
      onRequestStart: (controller) => {
        this.#stop = (reason) => controller.abort(reason);
        if (signal.aborted) controller.abort(signal.reason as Error);
      },
      onResponseStart: (controller, status, headers) => {
        this.answered = true;
        try {
          if (status !== 200)
            throw new Error(`The target answers with status ${status} ${STATUS_CODES[status] ?? ""}.`);
          const take = this.#open(one(headers["content-type"]));
          this.#body = bodyOf(one(headers["content-encoding"]), take, (error) => fail(controller, error));
        } catch (error) {
          fail(controller, error);
        }
      },
      onResponseData: (controller, chunk) => {
        try {
          this.#body?.write(chunk, controller);
        } catch (error) {
          fail(controller, error);
        }
      },
      onResponseEnd: () => {
        const ended = this.#body?.end();
        if (ended === undefined) reject(new Error("The target's answer has no body."));
        else ended.then(resolve, reject);
      },
      onResponseError: (_controller, error) => reject(error),
    };
  }
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function headersOf(target: Target, url: URL): Record<string, string> {
  return {
    accept: target.definition.job.nativeHistograms === true ? ACCEPT_PROTOBUF : ACCEPT,
    "user-agent": "tutti",
    "x-prometheus-scrape-timeout-seconds": String(target.timeout / 1000),
    // To pack for a neighbour on the same machine costs both sides more than the bytes that it saves.
    "accept-encoding": /^(?:localhost|127\..*|\[::1\])$/.test(url.hostname) ? "identity" : "gzip",
  };
}

function authorization({ authorization: given }: ScrapeJob): Record<string, string> {
  if (given === undefined) return {};
  if ("bearer" in given) return { authorization: `Bearer ${given.bearer}` };
  const pair = Buffer.from(`${given.username}:${given.password}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}
