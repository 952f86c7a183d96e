/**
 * Reads the head of a client's request: pure.
 *
 * Node's strict parser has framed the message already; this refuses what is left to refuse (several Host fields, a
 * Transfer-Encoding other than chunked, odd authorities), drops hop-by-hop fields and states who the client is.
 * The body is framed anew from what was parsed, so nothing a member could read differently is passed on.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { http2Problem } from "./http2-head.ts";
import { LIMITS } from "./limits.ts";
import { normalisedPath } from "./router.ts";

export interface RequestHead {
  readonly ok: true;
  readonly method: string;
  /** As sent by the client, port included. */
  readonly authority: string;
  /** Lower-case, without port. */
  readonly host: string;
  /** Normalised, without query. */
  readonly path: string;
  /** With its question mark, or "". */
  readonly query: string;
  readonly body: BodyFraming;
  readonly expectsContinue: boolean;
  readonly requestId: string;
  readonly fields: readonly string[];
  /** Fields not to be forwarded besides the hop-by-hop ones, lower-case. */
  readonly nominated: ReadonlySet<string> | undefined;
  readonly provenance: Provenance;
}

/** Where a request comes from, as told to the member. */
export interface Provenance {
  /** The client's own address, as far as anybody can be believed. */
  readonly client: string;
  /** X-Forwarded-For. */
  readonly address: string;
  readonly proto: string;
  readonly host: string;
  /** Forwarded; empty: not sent. */
  readonly forwarded: string;
}

export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" };

export interface Refusal {
  readonly ok: false;
  readonly status: number;
  readonly reason: string;
}

export interface ClientContext {
  readonly secure: boolean;
  readonly address: string;
  /** Whether forwarding fields of the client are believed. */
  readonly trustForwarded: boolean;
}

const AUTHORITY = /^(?:[a-z0-9._~-]*|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;
// HTTP/2 allows blanks where a request line cannot have them.
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
const BAD_TARGET = /[\x00-\x20\x7f#]/;
const EXPECT = /^(?:100-continue)?$/i;
const NO_BODY: BodyFraming = { kind: "none" };

/** Fields the balancer consumes or writes itself. */
export const CONSUMED = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "trailer",
  "upgrade",
  "http2-settings",
  "content-length",
  "transfer-encoding",
  "expect",
  "x-request-id",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
]);

interface Scan {
  hosts: number;
  host: string;
  length: string | undefined;
  lengths: number;
  coding: string | undefined;
  connection: string;
  expect: string;
  requestId: string;
  forwardedFor: string;
  forwardedProto: string;
  forwardedHost: string;
  forwarded: string;
}

function scan(fields: readonly string[]): Scan {
  const found: Scan = {
    hosts: 0,
    host: "",
    length: undefined,
    lengths: 0,
    coding: undefined,
    connection: "",
    expect: "",
    requestId: "",
    forwardedFor: "",
    forwardedProto: "",
    forwardedHost: "",
    forwarded: "",
  };
  let authority: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? "").toLowerCase();
    if (CONSUMED.has(name)) note(found, name, fields[index + 1] ?? "");
    else if (name === ":authority") authority = fields[index + 1];
  }
  if (authority !== undefined) noteAuthority(found, authority);
  return found;
}

/** HTTP/2's own way to name the host; a Host beside it must say the same. */
function noteAuthority(found: Scan, authority: string): void {
  if (found.hosts === 1 && found.host === authority) return;
  found.hosts += 1;
  found.host = authority;
}

function joined(before: string, value: string): string {
  return before === "" ? value : `${before}, ${value}`;
}

const NOTES: Readonly<Record<string, (found: Scan, value: string) => void>> = {
  host: (found, value) => {
    found.hosts += 1;
    found.host = value;
  },
  "content-length": (found, value) => {
    found.lengths += 1;
    found.length = value;
  },
  "transfer-encoding": (found, value) => {
    found.coding = found.coding === undefined ? value : `${found.coding}, ${value}`;
  },
  connection: (found, value) => {
    found.connection = joined(found.connection, value);
  },
  expect: (found, value) => {
    found.expect = joined(found.expect, value);
  },
  "x-request-id": (found, value) => {
    found.requestId = value;
  },
  "x-forwarded-for": (found, value) => {
    found.forwardedFor = joined(found.forwardedFor, value);
  },
  "x-forwarded-proto": (found, value) => {
    found.forwardedProto = value;
  },
  "x-forwarded-host": (found, value) => {
    found.forwardedHost = value;
  },
  forwarded: (found, value) => {
    found.forwarded = joined(found.forwarded, value);
  },
};

function note(found: Scan, name: string, value: string): void {
  NOTES[name]?.(found, value);
}

function refuse(status: number, reason: string): Refusal {
  return { ok: false, status, reason };
}

interface Target {
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string;
}

/** Splits a request target: origin form, absolute form, or `*`. Undefined when it is none of them. */
function target(url: string): Target | undefined {
  if (BAD_TARGET.test(url)) return undefined;
  let rest = url;
  let authority: string | undefined;
  if (rest.charCodeAt(0) !== 47) {
    if (rest === "*") return { authority, path: "*", query: "" };
    const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(rest);
    if (absolute === null) return undefined;
    authority = absolute[1];
    rest = absolute[2] ?? "";
    if (!rest.startsWith("/")) rest = `/${rest}`;
  }
  const mark = rest.indexOf("?");
  if (mark < 0) return { authority, path: normalisedPath(rest), query: "" };
  return { authority, path: normalisedPath(rest.slice(0, mark)), query: rest.slice(mark) };
}

function framing(found: Scan, endless: boolean): BodyFraming | Refusal {
  if (found.coding !== undefined) {
    if (found.lengths > 0) return refuse(400, "Content-Length and Transfer-Encoding together");
    if (found.coding.trim().toLowerCase() !== "chunked")
      return refuse(501, "a Transfer-Encoding other than chunked");
    return { kind: "chunked" };
  }
  if (found.lengths === 0) return endless ? { kind: "chunked" } : NO_BODY;
  if (found.lengths > 1 || !/^\d{1,15}$/.test(found.length ?? ""))
    return refuse(400, "an invalid Content-Length");
  const length = Number(found.length);
  return length === 0 && found.lengths === 0 ? NO_BODY : { kind: "length", length };
}

function nominatedBy(connection: string): ReadonlySet<string> | undefined {
  if (connection === "" || /^(keep-alive|close|upgrade)$/i.test(connection)) return undefined;
  return new Set(
    connection
      .toLowerCase()
      .split(",")
      .map((token) => token.trim()),
  );
}

/**
 * Reads a request's head. `http2` says how it came, and whether a body without a stated length may follow.
 * Never throws; what is not acceptable comes back as a refusal with its status.
 */
export function readRequest(
  request: IncomingMessage,
  client: ClientContext,
  http2?: { readonly endless: boolean },
): RequestHead | Refusal {
  const fields = request.rawHeaders;
  const refusal = refusalOf(fields, http2 !== undefined);
  if (refusal !== undefined) return refusal;
  const found = scan(fields);
  const method = String(request.method);
  const where = METHOD.test(method) ? target(String(request.url)) : undefined;
  if (where === undefined) return refuse(400, "an invalid request target");
  const authority = where.authority ?? found.host;
  if (found.hosts > 1 || !AUTHORITY.test(authority)) return refuse(400, "an invalid Host, or several");
  if (!EXPECT.test(found.expect)) return refuse(417, "an unknown Expect");
  const body = framing(found, http2?.endless === true);
  if ("ok" in body) return body;
  return {
    ok: true,
    method,
    authority,
    host: authority.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase(),
    path: where.path,
    query: where.query,
    body,
    expectsContinue: expectsContinue(found, body),
    requestId: requestIdOf(found),
    fields,
    nominated: nominatedBy(found.connection),
    provenance: client.trustForwarded ? extended(found, client, authority) : stated(client, authority),
  };
}

function refusalOf(fields: readonly string[], isHttp2: boolean): Refusal | undefined {
  if (fields.length > 2 * LIMITS.requestHeaderCount) return refuse(431, "too many header fields");
  const problem = isHttp2 ? http2Problem(fields) : undefined;
  return problem === undefined ? undefined : refuse(400, problem);
}

function expectsContinue(found: Scan, body: BodyFraming): boolean {
  return found.expect !== "" && body.kind !== "none";
}

/** A client's id is kept while it is short and harmless in a log. */
function requestIdOf(found: Scan): string {
  return REQUEST_ID.test(found.requestId) ? found.requestId : randomUUID();
}

/** Whom a trusted proxy in front has seen: the last it named. */
function addressOf({ forwardedFor }: Scan, { address }: ClientContext): string {
  return forwardedFor.slice(forwardedFor.lastIndexOf(",") + 1).trim() || address;
}

/** What is said of a stranger: only what the balancer sees itself. */
function stated(client: ClientContext, authority: string): Provenance {
  return {
    client: client.address,
    address: client.address,
    proto: client.secure ? "https" : "http",
    host: authority,
    forwarded: "",
  };
}

/** What a trusted proxy in front said, with that proxy added. */
function extended(found: Scan, client: ClientContext, authority: string): Provenance {
  const own = stated(client, authority);
  return {
    client: addressOf(found, client),
    address: joined(found.forwardedFor, own.address),
    proto: found.forwardedProto || own.proto,
    host: found.forwardedHost || own.host,
    forwarded: found.forwarded === "" ? "" : `${found.forwarded}, ${forwardedElement(client, authority)}`,
  };
}

/** One element of Forwarded (RFC 7239). */
function forwardedElement(client: ClientContext, authority: string): string {
  const address = client.address.includes(":") ? `"[${client.address}]"` : client.address;
  return `for=${address};host="${authority}";proto=${client.secure ? "https" : "http"}`;
}
