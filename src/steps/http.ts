/**
 * `http`: one request, with what of its failures may be tried again.
 *
 * | what happens                                        | error                | class     |
 * |-----------------------------------------------------|----------------------|-----------|
 * | no connection, broken off, no answer in time        | ConnectionFailed     | Retryable |
 * | 408, 425, 429, 5xx that are not expected            | HttpStatus           | Retryable |
 * | any other status that is not expected               | HttpStatus           | Terminal  |
 * | a redirect too many, or to no http                  | BadRedirect          | Terminal  |
 * | an answer that is too long                          | ResponseTooLarge     | Terminal  |
 *
 * The `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) is the same in every attempt. Values of secrets go into
 * the request only: they are taken out of the result, which an echoing server may have put them in.
 */
import { STATUS_CODES } from "node:http";
import { type Dispatcher, request } from "undici";
import type { Clock } from "../clock/clock.ts";
import type { HttpStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { type ReadSecret, StepSecrets } from "../workflow/step/secrets.ts";

export interface HttpStepOptions {
  readonly clock: Pick<Clock, "now">;
  readonly readSecret: ReadSecret;
  /** Bytes of an answer that are read; 10 MiB when absent. */
  readonly mostBytes?: number;
}

export interface HttpResult {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON where the answer says that it is, else a text. */
  readonly body: unknown;
}

const MOST_BYTES = 10 * 1024 * 1024;
const EXCERPT = 300;

interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export function httpSteps(options: HttpStepOptions): StepType {
  return { execute: (attempt) => ask(attempt, options) };
}

async function ask(attempt: Attempt, options: HttpStepOptions): Promise<unknown> {
  const secrets = new StepSecrets(namespaceOf(attempt), options.readSecret);
  const step = secrets.open(stepOf(attempt, "http"));
  try {
    const result = await answered(step, askedBy(step, attempt), attempt, options, secrets);
    return secrets.redactAll(result);
  } catch (error) {
    throw redacted(error, secrets);
  }
}

function askedBy(step: HttpStep, { idempotencyKey }: Attempt): Asked {
  if (!URL.canParse(step.url) || !/^https?:/i.test(step.url))
    throw terminal("InvalidUrl", `'${step.url}' is not an address of http or https.`);
  const given = Object.fromEntries(
    Object.entries(step.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
  const { body } = step;
  const isText = typeof body === "string";
  return {
    url: new URL(step.url),
    method: (step.method ?? (body === undefined ? "GET" : "POST")).toUpperCase(),
    headers: {
      "idempotency-key": idempotencyKey,
      "user-agent": "tutti",
      ...(body === undefined ? {} : { "content-type": isText ? "text/plain" : "application/json" }),
      ...given,
    },
    body: body === undefined || isText ? body : JSON.stringify(body),
  };
}

async function answered(
  step: HttpStep,
  first: Asked,
  attempt: Attempt,
  { mostBytes = MOST_BYTES, clock }: HttpStepOptions,
  secrets: StepSecrets,
): Promise<HttpResult> {
  let asked = first;
  for (let redirects = 0; ; redirects++) {
    const response = await send(asked, attempt.signal);
    const status = response.statusCode;
    attempt.log(secrets.redact(`${asked.method} ${asked.url.href}: ${status} ${STATUS_CODES[status] ?? ""}`));
    const location = response.headers["location"];
    const isRedirect = [301, 302, 303, 307, 308].includes(status) && step.expect?.includes(status) !== true;
    if (isRedirect && location !== undefined) {
      await response.body.dump();
      if (redirects >= (step.redirects ?? 5))
        throw terminal("BadRedirect", `${first.url.href} redirects more than ${step.redirects ?? 5} times.`);
      asked = redirected(asked, status, String(location));
      continue;
    }
    const result = await resultOf(response, mostBytes, asked);
    if (isExpected(step, status)) return result;
    throw unexpected(asked, result, clock.now());
  }
}

async function send(asked: Asked, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const { url, method, headers, body } = asked;
  try {
    return await request(url, {
      method: method as Dispatcher.HttpMethod,
      headers,
      signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    throw broken(asked, error, signal);
  }
}

function broken({ method, url }: Asked, error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason as Error;
  const code = (error as { readonly code?: string }).code ?? "";
  if (code.startsWith("UND_ERR_INVALID_ARG") || error instanceof TypeError)
    return terminal("InvalidRequest", `${method} ${url.href} cannot be asked: ${(error as Error).message}.`);
  return new TaskError(
    "ConnectionFailed",
    `${method} ${url.href} was not answered: ${(error as Error).message || code}.`,
  );
}

/** Headers that another origin is told. */
const FOR_ALL: ReadonlySet<string> = new Set(["idempotency-key", "user-agent", "accept", "content-type"]);

/** As browsers do: what was posted is asked for after 301 to 303. What may be secret goes to the same origin only. */
function redirected(asked: Asked, status: number, location: string): Asked {
  if (!URL.canParse(location, asked.url.href) || !/^https?:$/.test(new URL(location, asked.url).protocol))
    throw terminal("BadRedirect", `${asked.url.href} redirects to what is no address of http.`);
  const url = new URL(location, asked.url);
  const isGet = status === 303 || (status < 303 && asked.method === "POST");
  const isSame = url.origin === asked.url.origin;
  if (!isSame && !isGet && asked.body !== undefined)
    throw terminal(
      "BadRedirect",
      `${asked.url.href} redirects what is sent to another server, ${url.origin}. Name that in the step if it may have it.`,
    );
  const isKept = (name: string): boolean =>
    (isSame || FOR_ALL.has(name)) && !(isGet && name === "content-type");
  return {
    url,
    method: isGet && asked.method !== "HEAD" ? "GET" : asked.method,
    headers: Object.fromEntries(Object.entries(asked.headers).filter(([name]) => isKept(name))),
    body: isGet ? undefined : asked.body,
  };
}

async function resultOf(response: Dispatcher.ResponseData, most: number, asked: Asked): Promise<HttpResult> {
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most)
        throw terminal("ResponseTooLarge", `${asked.url.href} answered with more than ${most} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof TaskError) throw error;
    throw broken(asked, error, AbortSignal.any([]));
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode, headers, body: bodyOf(text, headers["content-type"] ?? "") };
}

function bodyOf(text: string, type: string): unknown {
  if (!/[/+]json\b/i.test(type)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isExpected({ expect }: HttpStep, status: number): boolean {
  return expect === undefined ? status >= 200 && status < 300 : expect.includes(status);
}

function unexpected({ method, url }: Asked, { status, headers, body }: HttpResult, now: number): TaskError {
  const isPassing = status >= 500 || [408, 425, 429].includes(status);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const excerpt = text.length > EXCERPT ? `${text.slice(0, EXCERPT)}...` : text;
  const after = retryAfter(headers["retry-after"], now);
  return new TaskError(
    "HttpStatus",
    `${method} ${url.href} answered ${status} ${STATUS_CODES[status] ?? ""}${excerpt === "" ? "." : `: ${excerpt}`}`,
    {
      terminal: !isPassing,
      details: { status, ...(after === undefined ? {} : { retryAfter: after }) },
    },
  );
}

/** Milliseconds. */
function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function redacted(error: unknown, secrets: StepSecrets): unknown {
  if (!(error instanceof TaskError)) return error;
  const { failure } = error;
  return new TaskError(failure.error, secrets.redact(failure.message), {
    class: failure.class,
    details: secrets.redactAll(failure.details),
  });
}

function terminal(error: string, message: string): TaskError {
  return new TaskError(error, message, { terminal: true });
}
