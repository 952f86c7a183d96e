/**
 * POST of JSON to a receiver: no proxy, bounded in time and in what is read of the answer.
 *
 * The answer decides what comes next: 2xx is delivered; 5xx, codes the receiver asks to be retried, and no answer at all
 * are tried again; other 4xx are not, since the same would be refused again. No error holds the address, whose path or
 * query is a secret more often than not.
 */
import { readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import type { Clock } from "../../../clock/clock.ts";
import type { HttpClientConfiguration } from "../configuration/configuration.ts";
import type { TlsConfig } from "../configuration/receiver-schemas.ts";
import { DeliveryError } from "../integration.ts";

export interface Answer {
  readonly type: string;
  /** The first 64 KiB. */
  readonly body: string;
}

export interface PostOptions {
  readonly url: string;
  readonly body: string;
  readonly client: HttpClientConfiguration;
  readonly clock: Clock;
  /** Besides 5xx. */
  readonly retryOn?: readonly number[];
}

const MAX_ANSWER = 64 * 1024;
const MAX_REDIRECTS = 5;

/** Throws a DeliveryError. */
export async function postJson(options: PostOptions): Promise<Answer> {
  const { client, clock } = options;
  const abort = new AbortController();
  const timer = clock.setTimeout(() => abort.abort(), client.timeout);
  const agent = new Agent({ connect: await tlsOptions(client.tls), connections: 1, maxResponseSize: -1 });
  try {
    return await exchange(options, agent, abort.signal);
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    if (abort.signal.aborted)
      throw new DeliveryError(`The receiver did not answer within ${client.timeout / 1000} s.`, {
        isTemporary: true,
        reason: "timeout",
      });
    throw new DeliveryError(`The receiver cannot be reached: ${causeOf(error)}.`, { isTemporary: true });
  } finally {
    timer.cancel();
    await agent.destroy();
  }
}

async function exchange(options: PostOptions, agent: Agent, signal: AbortSignal): Promise<Answer> {
  const headers = { ...(await headersOf(options.client)), "content-type": "application/json" };
  const hop = async (url: URL, left: number, headers: Headers): Promise<Answer> => {
    const { body } = options;
    const response = await request(url, { method: "POST", body, headers, dispatcher: agent, signal });
    const text = await firstOf(response.body);
    const next = left > 0 && options.client.followsRedirects ? redirection(response, url) : undefined;
    // Credentials are for the host they were given for.
    if (next !== undefined)
      return hop(next, left - 1, next.host === url.host ? headers : withoutCredentials(headers));
    const { statusCode } = response;
    if (statusCode < 200 || statusCode >= 300) throw refusal(statusCode, text, options.retryOn ?? []);
    return { type: String(response.headers["content-type"] ?? ""), body: text };
  };
  return hop(validUrl(options.url), MAX_REDIRECTS, headers);
}

type Headers = Readonly<Record<string, string | string[]>>;

/** Of those kinds that keep the method and the body. */
function redirection(
  { statusCode, headers: { location } }: { statusCode: number; headers: Record<string, unknown> },
  from: URL,
): URL | undefined {
  if ((statusCode !== 307 && statusCode !== 308) || typeof location !== "string") return undefined;
  return validUrl(URL.parse(location, from.href)?.href ?? "");
}

function withoutCredentials({ authorization: _authorization, ...headers }: Headers): Headers {
  return headers;
}

function refusal(status: number, text: string, retryOn: readonly number[]): DeliveryError {
  const said = text.trim().slice(0, 200).replaceAll(/\s+/g, " ");
  return new DeliveryError(`The receiver answered ${status}${said === "" ? "" : `: ${said}`}.`, {
    isTemporary: status >= 500 || retryOn.includes(status),
    reason: status >= 500 ? "serverError" : status >= 400 ? "clientError" : "other",
  });
}

function validUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new DeliveryError("The receiver's address is none of http or https.", {
      isTemporary: false,
      reason: "clientError",
    });
  return url;
}

async function firstOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    // Ending the iteration ends the connection.
    if (length > MAX_ANSWER) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER).toString();
}

async function headersOf(client: HttpClientConfiguration): Promise<Record<string, string | string[]>> {
  const headers: Record<string, string | string[]> = { "user-agent": "Tutti" };
  if (client.username !== undefined) {
    const password = (await client.password?.reveal()) ?? "";
    headers["authorization"] = `Basic ${Buffer.from(`${client.username}:${password}`).toString("base64")}`;
  }
  if (client.credentials !== undefined)
    headers["authorization"] = `${client.authorizationType} ${await client.credentials.reveal()}`;
  for (const { name, values } of client.headers)
    headers[name.toLowerCase()] = await Promise.all(values.map((value) => value.reveal()));
  return headers;
}

/** As node:tls takes them. */
export async function tlsOptions(tls: TlsConfig | undefined): Promise<Record<string, unknown>> {
  if (tls === undefined) return {};
  const either = async (text: string | undefined, path: string | undefined): Promise<string | undefined> =>
    text ?? (path === undefined ? undefined : await readFile(path, "utf8"));
  const options = {
    ca: await either(tls.ca, tls.ca_file),
    cert: await either(tls.cert, tls.cert_file),
    key: await either(tls.key, tls.key_file),
    servername: tls.server_name,
    rejectUnauthorized: !tls.insecure_skip_verify,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** The system's word, such as ECONNREFUSED; a message may hold the address. */
export function causeOf(error: unknown): string {
  const codes: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    if ("code" in one && typeof one.code === "string") codes.push(one.code);
  }
  return codes.at(-1) ?? (error instanceof Error ? error.name : "unknown");
}
