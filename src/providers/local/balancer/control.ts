/**
 * The control API on the unix socket: configuration in, statistics out.
 *
 *   PUT   /config                                whole configuration; 200 when it is in force and kept
 *   GET   /config
 *   PATCH /pools/{pool}                          {"members": [...]}; 200 when no new request reaches the others
 *   GET   /pools/{pool}
 *   GET   /pools/{pool}/members/{id}
 *   POST  /pools/{pool}/members/{id}/drain?timeoutMs=
 *   PUT   /challenges                            {"token": "value"}; 200 when these and no others are answered, and kept
 *   GET   /waiting                               names of the pools for which somebody is held
 *   GET   /stats, /metrics, /healthz
 *
 * Errors are {"diagnostics": [...]} with 400 (invalid), 404, 405, 409 (cannot listen), 413, 500 (in force but not kept).
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Balancer } from "./balancer.ts";
import type { BalancerDiagnostic } from "./configuration.ts";
import { createServer } from "./http.ts";
import { LIMITS } from "./limits.ts";
import { renderMetrics } from "./metrics.ts";
import type { Pool } from "./pool.ts";
import { memberReport, poolReport, type BalancerReport } from "./report.ts";
import type { StateFile } from "./state.ts";
import { validateChallenges, validateConfiguration, validateMembers } from "./validation.ts";

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface Call {
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
}

type Operation = (call: Call) => Reply | Promise<Reply>;

const LONGEST_DRAIN_MS = 24 * 3_600_000;

function refusal(status: number, code: string, address: string, message: string, hint?: string): Reply {
  const diagnostic: BalancerDiagnostic = { code, address, message, ...(hint === undefined ? {} : { hint }) };
  return { status, body: { diagnostics: [diagnostic] } };
}

class Refused extends Error {
  readonly reply: Reply;
  constructor(reply: Reply) {
    super("refused");
    this.reply = reply;
  }
}

function unknownPool(name: string | undefined): Refused {
  return new Refused(refusal(404, "UnknownPool", `pools/${name ?? ""}`, "there is no such pool"));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LIMITS.controlBodyBytes)
      throw new Refused(refusal(413, "TooLarge", "body", "is larger than 16 MiB"));
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new Refused(refusal(400, "InvalidJson", "body", "is not JSON"));
  }
}

/** The control server, not yet listening. `now` is the balancer's clock. */
export function controlServer(balancer: Balancer, state: StateFile, now: () => number): Server {
  const kept = async (body: unknown): Promise<Reply> => {
    try {
      await state.save();
      return { status: 200, body };
    } catch (error) {
      if (state.problem === undefined) throw error;
      return { status: 500, body: { diagnostics: [state.problem] } };
    }
  };
  const reported = (): BalancerReport => {
    const report = balancer.report();
    return state.problem === undefined
      ? report
      : { ...report, diagnostics: [...report.diagnostics, state.problem] };
  };
  const poolOf = (name: string | undefined): Pool => {
    const pool = balancer.pool(name ?? "");
    if (pool === undefined) throw unknownPool(name);
    return pool;
  };
  const changed = async <T>(name: string | undefined, change: (pool: Pool) => T): Promise<T> => {
    const done = await balancer.changePool(name ?? "", change);
    if (done === undefined) throw unknownPool(name);
    return done.result;
  };
  const operations: readonly (readonly [string, RegExp, Operation])[] = [
    [
      "PATCH",
      /^\/pools\/([^/]+)$/,
      async ({ parameters: [name], request }) => {
        const body = await readJson(request);
        const members = validateMembers(
          typeof body === "object" && body !== null && "members" in body ? body.members : undefined,
        );
        if (!members.ok) return { status: 400, body: { diagnostics: members.diagnostics } };
        await changed(name, (pool) => pool.setMembers(members.value));
        return kept({});
      },
    ],
    [
      "POST",
      /^\/pools\/([^/]+)\/members\/([^/]+)\/drain$/,
      async ({ parameters: [name, id], query }) => {
        const member = await changed(name, (pool) => pool.drain(id ?? ""));
        const saved = await kept({ inFlight: 0, drained: true });
        if (saved.status !== 200 || member === undefined) return saved;
        const inFlight = await member.idle(
          Math.min(LONGEST_DRAIN_MS, Math.max(0, Number(query.get("timeoutMs") ?? 0) || 0)),
        );
        return { status: 200, body: { inFlight, drained: inFlight === 0 } };
      },
    ],
    [
      "GET",
      /^\/pools\/([^/]+)\/members\/([^/]+)$/,
      ({ parameters: [name, id] }) => {
        const member = poolOf(name).member(id ?? "");
        if (member === undefined)
          return refusal(
            404,
            "UnknownMember",
            `pools/${name ?? ""}/members/${id ?? ""}`,
            "there is no such member",
          );
        return { status: 200, body: memberReport(member, poolOf(name).leaving.includes(member), now()) };
      },
    ],
    [
      "GET",
      /^\/pools\/([^/]+)$/,
      ({ parameters: [name] }) => ({ status: 200, body: poolReport(poolOf(name), now()) }),
    ],
    ["GET", /^\/waiting$/, () => ({ status: 200, body: balancer.waiting })],
    ["GET", /^\/stats$/, () => ({ status: 200, body: reported() })],
    [
      "GET",
      /^\/metrics$/,
      () => ({ status: 200, body: renderMetrics(balancer.report(), balancer.routeStatistics()) }),
    ],
    ["GET", /^\/healthz$/, () => ({ status: 200, body: { ok: true, diagnostics: balancer.diagnostics } })],
    ["GET", /^\/config$/, () => ({ status: 200, body: balancer.configuration })],
    [
      "PUT",
      /^\/challenges$/,
      async ({ request }) => {
        const challenges = validateChallenges(await readJson(request));
        if (!challenges.ok) return { status: 400, body: { diagnostics: challenges.diagnostics } };
        balancer.setChallenges(challenges.value);
        return kept({});
      },
    ],
    [
      "PUT",
      /^\/config$/,
      async ({ request }) => {
        const validated = validateConfiguration(await readJson(request));
        if (!validated.ok) return { status: 400, body: { diagnostics: validated.diagnostics } };
        const diagnostics = await balancer.configure(validated.value);
        if (diagnostics.length > 0)
          return {
            status: diagnostics.every((one) => one.code === "CertificateUnusable") ? 400 : 409,
            body: { diagnostics },
          };
        return kept({ listeners: balancer.report().listeners });
      },
    ],
  ];

  const serve = async (request: IncomingMessage): Promise<Reply> => {
    const url = new URL(request.url ?? "/", "http://control");
    let known = false;
    for (const [method, path, operation] of operations) {
      const match = path.exec(url.pathname);
      if (match === null) continue;
      known = true;
      if (method !== request.method) continue;
      return operation({
        parameters: match.slice(1).map(decodeURIComponent),
        query: url.searchParams,
        request,
      });
    }
    return known
      ? refusal(405, "UnknownMethod", url.pathname, "does not know this method")
      : refusal(404, "UnknownPath", url.pathname, "is unknown");
  };

  return createServer({ keepAliveTimeout: 600_000, requestTimeout: 30_000 }, (request, response) => {
    serve(request)
      .catch((error: unknown) =>
        error instanceof Refused
          ? error.reply
          : refusal(500, "Internal", request.url ?? "", error instanceof Error ? error.message : "failed"),
      )
      .then((reply) => send(response, reply))
      .catch(() => response.destroy());
  });
}

function send(response: ServerResponse, reply: Reply): void {
  const isText = typeof reply.body === "string";
  const text = isText ? (reply.body as string) : JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    "content-type": isText ? "text/plain; version=0.0.4; charset=utf-8" : "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
  if (!response.req.complete) response.req.resume();
}
