/** `client.drift`: what is other than it should be, and what is to be done about it. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { DriftNoise, FoundDrift } from "../planner/declared-drift.ts";
import type { KindName, Scope } from "./client.ts";
import type { Call, Transport } from "./transport.ts";

export type { DriftNoise, FoundDrift };

export interface DriftReport {
  readonly items: readonly FoundDrift[];
  readonly noise: readonly DriftNoise[];
  /** Who could not be asked. */
  readonly warnings: readonly Diagnostic[];
}

export interface Tolerated {
  readonly path: string;
  /** RFC 3339. */
  readonly until: string;
  readonly by?: string;
  readonly reason?: string;
}

/** All reject as the client's methods do. */
export interface DriftAnswers {
  /** Of a resource, or of a System with all it holds: as it is now, or with `refresh` false as it was seen last. */
  of(kind: KindName, name: string, options?: Scope & { readonly refresh?: boolean }): Promise<DriftReport>;
  /** Has it set back, all of it when no paths are given; resolves with what is. ApiError 409 when nothing is other than it should be. */
  revert(
    kind: KindName,
    name: string,
    paths: readonly string[],
    options?: Scope,
  ): Promise<readonly FoundDrift[]>;
  /** What was written past the declaration is in it by now: it is no drift any more. */
  accept(kind: KindName, name: string, paths: readonly string[], options?: Scope): Promise<void>;
  /** Leaves a path as it is found. `until`: a duration from now, or a time in RFC 3339. */
  tolerate(
    kind: KindName,
    name: string,
    asked: { readonly path: string; readonly until: string; readonly reason?: string },
    options?: Scope,
  ): Promise<Tolerated>;
}

export class HttpDrift implements DriftAnswers {
  readonly #transport: Transport;
  readonly #pathOf: (kind: KindName, options: Scope, name: string) => string;

  constructor(transport: Transport, pathOf: (kind: KindName, options: Scope, name: string) => string) {
    this.#transport = transport;
    this.#pathOf = pathOf;
  }

  async of(
    kind: KindName,
    name: string,
    { refresh, ...options }: Scope & { readonly refresh?: boolean } = {},
  ): Promise<DriftReport> {
    const query = { refresh };
    return (await this.#transport.json({ ...this.#call("GET", kind, name, options), query })) as DriftReport;
  }

  async revert(
    kind: KindName,
    name: string,
    paths: readonly string[],
    options: Scope = {},
  ): Promise<readonly FoundDrift[]> {
    const answer = await this.#transport.json({
      ...this.#call("POST", kind, name, options),
      body: { do: "revert", paths },
    });
    return (answer as DriftReport).items;
  }

  async accept(kind: KindName, name: string, paths: readonly string[], options: Scope = {}): Promise<void> {
    await this.#transport.json({
      ...this.#call("POST", kind, name, options),
      body: { do: "accept", paths },
    });
  }

  async tolerate(
    kind: KindName,
    name: string,
    asked: { readonly path: string; readonly until: string; readonly reason?: string },
    options: Scope = {},
  ): Promise<Tolerated> {
    return (await this.#transport.json({
      ...this.#call("POST", kind, name, options),
      body: { do: "tolerate", ...asked },
    })) as Tolerated;
  }

  #call(method: string, kind: KindName, name: string, options: Scope): Call {
    return { method, path: `${this.#pathOf(kind, options, name)}/drift`, signal: options.signal };
  }
}
