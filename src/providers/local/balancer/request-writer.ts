/**
 * Writes the head of a request for a member: pure.
 *
 * Hop-by-hop fields are dropped, the body is framed anew from what was parsed, and the client's provenance is stated.
 */
import type { HeaderEdits } from "./configuration.ts";
import { CONSUMED, type RequestHead } from "./request-head.ts";

export interface HeadOptions {
  readonly stripPrefix: string;
  readonly edits: HeaderEdits | undefined;
  /** The protocol to switch to, for an upgrade. */
  readonly upgrade?: string | undefined;
}

/** The head for a member: request line, fields and the empty line, to be written as latin1. */
export function requestHead(request: RequestHead, options: HeadOptions): string {
  const edits =
    options.edits === undefined
      ? undefined
      : new Map(Object.entries(options.edits).map(([name, value]) => [name.toLowerCase(), value]));
  let path = request.path;
  if (options.stripPrefix !== "") path = path.slice(options.stripPrefix.length) || "/";
  const host = edits?.get("host") ?? request.authority;
  let head = `${request.method} ${path}${request.query} HTTP/1.1\r\nHost: ${host}\r\n`;
  head += forwardedFields(request, edits);
  head += framingFields(request, options.upgrade);
  head += `X-Forwarded-For: ${request.provenance.address}\r\nX-Forwarded-Proto: ${request.provenance.proto}\r\n`;
  head += `X-Forwarded-Host: ${request.provenance.host}\r\nX-Request-Id: ${request.requestId}\r\n`;
  if (request.provenance.forwarded !== "") head += `Forwarded: ${request.provenance.forwarded}\r\n`;
  for (const [name, value] of edits ?? [])
    if (value !== null && name !== "host") head += `${name}: ${value}\r\n`;
  return `${head}\r\n`;
}

type Edits = ReadonlyMap<string, string | null>;

function forwardedFields({ fields, nominated }: RequestHead, edits: Edits | undefined): string {
  const isDropped = (name: string): boolean =>
    CONSUMED.has(name) || name.startsWith(":") || nominated?.has(name) === true || edits?.has(name) === true;
  let lines = "";
  const cookies: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    const lower = name.toLowerCase();
    if (isDropped(lower)) continue;
    if (lower === "cookie") cookies.push(value);
    else lines += `${name}: ${value}\r\n`;
  }
  // HTTP/2 may split Cookie; HTTP/1.1 may not (RFC 9113 §8.2.3).
  return cookies.length === 0 ? lines : `${lines}Cookie: ${cookies.join("; ")}\r\n`;
}

function framingFields(request: RequestHead, upgrade: string | undefined): string {
  let lines = upgrade === undefined ? "" : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  if (request.body.kind === "length") lines += `Content-Length: ${request.body.length}\r\n`;
  if (request.body.kind === "chunked") lines += "Transfer-Encoding: chunked\r\n";
  if (request.expectsContinue) lines += "Expect: 100-continue\r\n";
  return lines;
}
