/**
 * The balancer's configuration: plain data, sent whole over the control socket and kept in the state file.
 *
 * Keys of certificates are never part of it; certificates are named by the paths of their files.
 * `validation.ts` turns unknown input into a `Configuration` or into diagnostics.
 */

export type Protocol = "http" | "https" | "tcp";

export interface CertificateFiles {
  /** Names this certificate answers for: exact, or `*.example.org` for one label. Empty: any name. */
  readonly hosts: readonly string[];
  /** PEM chain, leaf first. */
  readonly certFile: string;
  /** PEM private key; readable by the balancer only. */
  readonly keyFile: string;
}

export interface ListenerConfiguration {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Required for https; the first answers for names nobody else claims. */
  readonly certificates?: readonly CertificateFiles[];
  /** Whether HTTP/2 is offered beside HTTP/1.1, with https. Default true. */
  readonly http2?: boolean;
  /** The pool behind a tcp listener. */
  readonly pool?: string;
  /** Client connections open at once; further ones are closed on arrival. Default 10000. */
  readonly maxConnections?: number;
  /** Longest time from a request's first byte to the end of its headers (408 after it). Default 10000. */
  readonly headersTimeoutMs?: number;
  /**
   * Whether what comes in as X-Forwarded-* and Forwarded is believed and extended (another proxy stands in front)
   * or replaced (default: clients are strangers).
   */
  readonly trustForwarded?: boolean;
}

export interface Redirect {
  readonly scheme?: "http" | "https";
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** Default 302. */
  readonly status?: 301 | 302 | 303 | 307 | 308;
}

/** What happens to the header fields of a message, in this order: some go, some get a value, some come on top. */
export interface HeaderRules {
  readonly remove?: readonly string[];
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
}

/** A client stays with one member for as long as it is ready. */
export interface StickyConfiguration {
  readonly by: "cookie" | "address";
  /** Name of the cookie. */
  readonly cookie: string;
}

export interface RateLimitConfiguration {
  /** Requests that a client may make in a period. */
  readonly requests: number;
  readonly periodMs: number;
  /** Name of the header that tells clients apart, lower-case. Absent, also in a request: their address. */
  readonly header?: string;
}

/** How the balancer itself finds out which members answer. */
export interface CheckConfiguration {
  readonly path: string;
  readonly periodMs: number;
  readonly timeoutMs: number;
  /** Failures in a row after which a member gets nothing, and successes after which it does again. */
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface RouteConfiguration {
  /** Label in metrics and statistics. Default: host and path. */
  readonly name?: string;
  /** Exact name or `*.example.org` (any depth below). Absent: every host. */
  readonly host?: string;
  /** Path prefix by whole segments: `/api` matches `/api` and `/api/x`, not `/apix`. Absent: every path. */
  readonly path?: string;
  /** Names of the listeners it applies to. Absent: all HTTP listeners. */
  readonly listeners?: readonly string[];
  /** Exactly one of pool and redirect. */
  readonly pool?: string;
  readonly redirect?: Redirect;
  /** Remove the matched prefix before forwarding. */
  readonly stripPrefix?: boolean;
  readonly headers?: { readonly request?: HeaderRules; readonly response?: HeaderRules };
  readonly sticky?: StickyConfiguration;
  readonly rateLimit?: RateLimitConfiguration;
  /** Overrides the pool's requestTimeoutMs. */
  readonly timeoutMs?: number;
}

export type Algorithm = "least-connections" | "round-robin";
export type MemberState = "ready" | "draining";

export interface MemberConfiguration {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Only ready members receive new requests. */
  readonly state: MemberState;
  /** Share of new requests relative to the others; 0 receives none. Default 1. */
  readonly weight?: number;
}

export interface PoolConfiguration {
  readonly name: string;
  /** Default least-connections. */
  readonly algorithm?: Algorithm;
  readonly members: readonly MemberConfiguration[];
  /** Further attempts after the first. Default 2. */
  readonly retries?: number;
  /** Default 2000. */
  readonly connectTimeoutMs?: number;
  /** Longest silence before the response's head, counted from the last byte sent. Default 60000. */
  readonly requestTimeoutMs?: number;
  /** How long a request is held when no member can take it; 0 (default) answers 503 at once. */
  readonly queueTimeoutMs?: number;
  /** Absent: every member is taken for well. */
  readonly check?: CheckConfiguration;
}

/** What is answered to `GET /.well-known/acme-challenge/<token>`, by token (RFC 8555, 8.3). */
export type Challenges = Readonly<Record<string, string>>;

export interface Configuration {
  readonly listeners: readonly ListenerConfiguration[];
  readonly routes: readonly RouteConfiguration[];
  readonly pools: readonly PoolConfiguration[];
}

/** What is wrong, where, and what to do about it. */
export interface BalancerDiagnostic {
  /** Stable word, for programs. */
  readonly code: string;
  /** Path into the configuration (`listeners[0].port`) or the address concerned (`127.0.0.1:80`). */
  readonly address: string;
  readonly message: string;
  readonly hint?: string;
}

export const EMPTY_CONFIGURATION: Configuration = { listeners: [], routes: [], pools: [] };

/** Label of a route in metrics and statistics. */
export function routeName(route: RouteConfiguration): string {
  return route.name ?? `${route.host ?? "*"}${route.path ?? "/"}`;
}
