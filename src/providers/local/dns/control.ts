import { chmodSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { connect } from "node:net";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { createServer } from "../balancer/http.ts";
import type { DnsConfig } from "./config.ts";
import type { DnsServer } from "./server.ts";

/** HTTP on a Unix socket that only its owner may open: `PUT /config` and `GET /healthz`. */
const largestBody = 32 * 1024 * 1024;

/** @throws Error when another process answers on the socket already. */
export async function serveControl(dns: DnsServer, socket: string): Promise<Server> {
  if (await somebodyAnswers(socket)) throw new Error(`another server answers on ${socket}`);
  rmSync(socket, { force: true }); // left by one that was killed
  const server = createServer((request, response) => {
    void respond(dns, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) =>
        send(response, 500, { diagnostics: [problem("Internal", (error as Error).message)] }),
    );
  });
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socket, resolve);
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(socket, 0o600);
  return server;
}

interface Outcome {
  readonly status: number;
  readonly body: unknown;
}

async function respond(dns: DnsServer, request: IncomingMessage): Promise<Outcome> {
  if (request.method === "GET" && request.url === "/healthz") return { status: 200, body: dns.health() };
  if (request.method !== "PUT" || request.url !== "/config")
    return refusal(404, problem("NotFound", `There is no ${request.method} ${request.url}.`));
  const text = await bodyOf(request);
  if (text === undefined)
    return refusal(413, problem("BodyTooLarge", `The body is larger than ${largestBody} bytes.`));
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return refusal(400, problem("BodyNotJson", "The body is no JSON."));
  }
  const shape = shapeProblem(config);
  if (shape !== undefined) return refusal(400, shape);
  try {
    return { status: 200, body: await dns.configure(config as DnsConfig) };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return refusal(error.diagnostics.some(({ path }) => path === "listen") ? 409 : 422, ...error.diagnostics);
  }
}

/** Only what must hold before the zones are compiled; the compiler judges the content. */
function shapeProblem(config: unknown): Diagnostic | undefined {
  if (!isObject(config) || !isObject(config["listen"]) || !Array.isArray(config["zones"])) {
    return problem("ConfigInvalid", "The configuration needs `listen` and `zones`.");
  }
  if (!isAddress(config["listen"])) {
    return problem("ConfigInvalid", "`listen` needs a host and a port between 0 and 65535.", "listen");
  }
  const zones = config["zones"] as unknown[];
  return zones
    .map((zone, index) => zoneProblem(zone, `zones[${index}]`))
    .find((found) => found !== undefined);
}

function zoneProblem(zone: unknown, at: string): Diagnostic | undefined {
  if (!isObject(zone) || typeof zone["name"] !== "string" || !Array.isArray(zone["records"])) {
    return problem("ConfigInvalid", "A zone needs a name and records.", at);
  }
  if (zone["soa"] !== undefined && !isSoa(zone["soa"])) {
    return problem("ConfigInvalid", "`soa` holds the names mname and rname, and numbers.", `${at}.soa`);
  }
  const wrong = (zone["records"] as unknown[]).findIndex((record) => !isRecord(record));
  if (wrong === -1) return undefined;
  const message = "A record needs a name, a type and values, which are text.";
  return problem("ConfigInvalid", message, `${at}.records[${wrong}]`);
}

function isAddress({ host, port }: Record<string, unknown>): boolean {
  return (
    typeof host === "string" &&
    typeof port === "number" &&
    Number.isInteger(port) &&
    port >= 0 &&
    port <= 65_535
  );
}

function isSoa(soa: unknown): boolean {
  if (!isObject(soa)) return false;
  return Object.entries(soa).every(([field, value]) =>
    field === "mname" || field === "rname"
      ? typeof value === "string"
      : ["serial", "refresh", "retry", "expire", "minimum"].includes(field) && typeof value === "number",
  );
}

function isRecord(record: unknown): boolean {
  if (!isObject(record) || typeof record["name"] !== "string" || typeof record["type"] !== "string")
    return false;
  const { ttl, values } = record;
  return (
    (ttl === undefined || typeof ttl === "number") &&
    Array.isArray(values) &&
    values.every((value) => typeof value === "string")
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= largestBody) chunks.push(chunk);
  }
  return size > largestBody ? undefined : Buffer.concat(chunks).toString("utf8");
}

function refusal(status: number, ...diagnostics: readonly Diagnostic[]): Outcome {
  return { status, body: { diagnostics } };
}

function problem(code: string, message: string, path?: string): Diagnostic {
  return { severity: "error", code, message, ...(path === undefined ? {} : { path }) };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function somebodyAnswers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
  });
}
