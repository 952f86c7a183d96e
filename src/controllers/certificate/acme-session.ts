/**
 * Talking to one ACME server through `acme-client`, which is loaded when it is first used.
 *
 * The library does the protocol: signatures, nonces (a refused one is tried again), orders. How requests travel is ours, for
 * three reasons: the server's own authority is trusted for its session only; every wait is the controller's, so the library's
 * retries and sleeps are never reached; and a refusal keeps its type and its Retry-After. The library has one HTTP client for
 * all sessions, so what belongs to a session is carried along by the asynchronous context.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { request } from "node:https";
import type * as AcmeClient from "acme-client";
import type { Clock } from "../../clock/clock.ts";

type Acme = typeof AcmeClient;
type Client = AcmeClient.Client;

export interface SessionOptions {
  readonly directory: string;
  /** PEM. */
  readonly accountKey: string;
  readonly accountUrl?: string;
  /** PEM of who signed the server's certificate, beside those that are publicly trusted. */
  readonly authority?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What an ACME server refused, or that it could not be reached. The message is one sentence without its full stop. */
export class AcmeProblem extends Error {
  /** `urn:ietf:params:acme:error:rateLimited`; `unreachable` when there was no answer. */
  readonly type: string;
  readonly status: number;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(type: string, message: string, status = 0, retryAfter?: number) {
    super(message);
    this.name = "AcmeProblem";
    this.type = type;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** The last word of its type: `rateLimited`. */
  get word(): string {
    return this.type.split(":").at(-1) ?? this.type;
  }
}

const PATIENCE = 30_000;
const LONGEST_ANSWER = 1_000_000;

const session = new AsyncLocalStorage<SessionOptions>();
let loading: Promise<Acme> | undefined;

/** Runs `work` with a client of the server. Rejects with AcmeProblem. */
export async function withSession<T>(
  options: SessionOptions,
  work: (client: Client, acme: Acme) => Promise<T>,
): Promise<T> {
  const acme = await (loading ??= load());
  const { directory: directoryUrl, accountKey, accountUrl } = options;
  return session.run(options, () =>
    work(
      new acme.Client({ directoryUrl, accountKey, ...(accountUrl === undefined ? {} : { accountUrl }) }),
      acme,
    ),
  );
}

async function load(): Promise<Acme> {
  const { default: acme } = (await import("acme-client")) as unknown as { readonly default: Acme };
  acme.axios.interceptors.request.use((config) => {
    config.adapter = async (asked) => {
      const answer = await send(asked.url ?? "", asked.method ?? "get", asked.data as string | undefined);
      return { ...answer, statusText: "", config: asked };
    };
    return config;
  });
  return acme;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly data: string;
}

/** Rejects with AcmeProblem, but for a refused nonce, which the library answers itself. */
async function send(url: string, method: string, body: string | undefined): Promise<Answer> {
  const options = session.getStore();
  if (options === undefined) throw new Error("ACME requests belong to a session.");
  let answer: Answer;
  try {
    answer = await exchange(url, method, body, options);
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    throw new AcmeProblem("unreachable", `${new URL(url).host} does not answer: ${reasonOf(error)}`);
  }
  if (answer.status < 400) return answer;
  const problem = problemOf(answer, options.clock.now());
  if (problem.word === "badNonce") return answer;
  throw problem;
}

function exchange(
  url: string,
  method: string,
  body: string | undefined,
  { authority, clock, signal }: SessionOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "user-agent": "tutti",
      ...(body === undefined
        ? {}
        : { "content-type": "application/jose+json", "content-length": Buffer.byteLength(body) }),
    };
    const asking = request(
      url,
      {
        method: method.toUpperCase(),
        headers,
        signal,
        agent: false,
        ...(authority === undefined ? {} : { ca: authority }),
      },
      (response) => {
        let data = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          data += text;
          if (data.length > LONGEST_ANSWER) asking.destroy(new Error("its answer is too long"));
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(
              Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
            ),
            data,
          }),
        );
      },
    );
    const timer = clock.setTimeout(() => asking.destroy(new Error("it took longer than 30s")), PATIENCE);
    asking.on("error", reject);
    asking.on("close", () => timer.cancel());
    asking.end(body);
  });
}

function problemOf({ status, headers, data }: Answer, now: number): AcmeProblem {
  let problem: { readonly type?: unknown; readonly detail?: unknown } = {};
  try {
    problem = (JSON.parse(data) ?? {}) as typeof problem;
  } catch {
    // An answer that is not the server's own, of something in between.
  }
  const type = typeof problem.type === "string" ? problem.type : `status ${status}`;
  const detail = typeof problem.detail === "string" ? problem.detail : `it answers with status ${status}`;
  return new AcmeProblem(type, tidy(detail), status, retryAfter(headers["retry-after"], now));
}

/** On one line, of sensible length, without its full stop: it becomes part of a sentence. */
export function tidy(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 300).replace(/\.$/, "");
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(milliseconds) && milliseconds > 0 ? milliseconds : undefined;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return tidy(message === undefined || message === "" ? (code ?? String(error)) : message);
}
