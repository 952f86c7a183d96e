/**
 * Client of a balancer's control API, for the control plane. One connection is kept alive, so a call costs one round
 * trip on a unix socket.
 */
import { Agent, request } from "./http.ts";
import type { BalancerDiagnostic, Challenges, Configuration, MemberConfiguration } from "./configuration.ts";
import type { BalancerReport, ListenerReport, MemberReport, PoolReport } from "./report.ts";

/** The balancer refused a call; `diagnostics` say why. Nothing has changed, except with code StateNotSaved. */
export class BalancerRefusal extends Error {
  override readonly name = "BalancerRefusal";
  readonly status: number;
  readonly diagnostics: readonly BalancerDiagnostic[];

  constructor(status: number, diagnostics: readonly BalancerDiagnostic[]) {
    super(diagnostics.map((one) => `${one.address}: ${one.message}`).join("; ") || `status ${status}`);
    this.status = status;
    this.diagnostics = diagnostics;
  }
}

export interface DrainResult {
  /** 0, or what was still in flight when the time was up. */
  readonly inFlight: number;
  readonly drained: boolean;
}

const DEFAULT_TIMEOUT_MS = 10_000;

export class BalancerClient {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 2 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /**
   * Puts a whole configuration in force. Resolves when every listener listens and the configuration is kept.
   * @throws {BalancerRefusal} 400 invalid, 409 an address cannot be listened on (nothing has changed), 500 not kept.
   */
  async configure(configuration: Configuration): Promise<readonly ListenerReport[]> {
    const { listeners } = (await this.#json("PUT", "/config", configuration)) as {
      listeners: readonly ListenerReport[];
    };
    return listeners;
  }

  /**
   * Replaces the members of a pool. When it resolves, no new request reaches a member that is left out or draining.
   * @throws {BalancerRefusal} 400 invalid, 404 no such pool.
   */
  async setMembers(pool: string, members: readonly MemberConfiguration[]): Promise<void> {
    await this.#json("PATCH", `/pools/${encodeURIComponent(pool)}`, { members });
  }

  /** Answers these challenges and no others from when it resolves; kept over a restart. */
  async setChallenges(challenges: Challenges): Promise<void> {
    await this.#json("PUT", "/challenges", challenges);
  }

  /**
   * Takes a member out and waits until nothing is in flight on it, at most `timeoutMs`. An unknown member counts as drained.
   * @throws {BalancerRefusal} 404 no such pool.
   */
  async drain(pool: string, id: string, timeoutMs: number): Promise<DrainResult> {
    const path = `/pools/${encodeURIComponent(pool)}/members/${encodeURIComponent(id)}/drain?timeoutMs=${Math.round(timeoutMs)}`;
    return (await this.#json("POST", path, undefined, timeoutMs + DEFAULT_TIMEOUT_MS)) as DrainResult;
  }

  /** @throws {BalancerRefusal} 404 neither present nor leaving. */
  async member(pool: string, id: string): Promise<MemberReport> {
    return (await this.#json(
      "GET",
      `/pools/${encodeURIComponent(pool)}/members/${encodeURIComponent(id)}`,
    )) as MemberReport;
  }

  async pool(name: string): Promise<PoolReport> {
    return (await this.#json("GET", `/pools/${encodeURIComponent(name)}`)) as PoolReport;
  }

  /** What is in force now. */
  async configuration(): Promise<Configuration> {
    return (await this.#json("GET", "/config")) as Configuration;
  }

  async stats(): Promise<BalancerReport> {
    return (await this.#json("GET", "/stats")) as BalancerReport;
  }

  /** Names of the pools for which somebody is held. */
  async waiting(): Promise<readonly string[]> {
    return (await this.#json("GET", "/waiting")) as readonly string[];
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.#call("GET", "/metrics")).text;
  }

  /** Whether a balancer answers on the socket; never rejects. */
  async healthy(timeoutMs = 1_000): Promise<boolean> {
    try {
      return (await this.#call("GET", "/healthz", undefined, timeoutMs)).status === 200;
    } catch {
      return false;
    }
  }

  /** Closes the kept connection. */
  close(): void {
    this.#agent.destroy();
  }

  async #json(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<unknown> {
    const { status, text } = await this.#call(method, path, body, timeoutMs);
    const value = JSON.parse(text) as unknown;
    if (status < 300) return value;
    const diagnostics =
      typeof value === "object" && value !== null && "diagnostics" in value ? value.diagnostics : [];
    throw new BalancerRefusal(
      status,
      Array.isArray(diagnostics) ? (diagnostics as BalancerDiagnostic[]) : [],
    );
  }

  /** All calls are idempotent, so one that met a connection closed meanwhile is made once more. */
  async #call(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<{ status: number; text: string }> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await this.#once(method, path, text, timeoutMs);
    } catch (error) {
      if (!(error instanceof Error) || !("stale" in error)) throw error;
      return this.#once(method, path, text, timeoutMs);
    }
  }

  #once(
    method: string,
    path: string,
    body: string | undefined,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers =
        body === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const call = request(
        { socketPath: this.#socketPath, method, path, agent: this.#agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
          });
        },
      );
      const timer = setTimeout(
        () => call.destroy(new Error(`the balancer did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      call.on("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const stale = call.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(stale ? Object.assign(error, { stale }) : error);
      });
      call.end(body);
    });
  }
}
