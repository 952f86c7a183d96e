/**
 * Writes the head of a request for a member: pure.
 *
 * Hop-by-hop fields are dropped, the body is framed anew from what was parsed, and the client's provenance is stated.
 */
import type { CompiledRules } from "./header-rules.ts";
import { CONSUMED, type RequestHead } from "./request-head.ts";

export interface HeadOptions {
  readonly stripPrefix: string;
  readonly rules: CompiledRules | undefined;
  /** The protocol to switch to, for an upgrade. */
  readonly upgrade?: string | undefined;
}

/** The head for a member: request line, fields and the empty line, to be written as latin1. */
export function requestHead(request: RequestHead, options: HeadOptions): string {
  const { rules } = options;
  let path = request.path;
  if (options.stripPrefix !== "") path = path.slice(options.stripPrefix.length) || "/";
  let head = `${request.method} ${path}${request.query} HTTP/1.1\r\nHost: ${rules?.host ?? request.authority}\r\n`;
  head += forwardedFields(request, rules?.dropped);
  head += framingFields(request, options.upgrade);
  head += rules === undefined ? ownFields(request) : `${chosenFields(request, rules)}${rules.lines}`;
  return `${head}\r\n`;
}

/** What the balancer says of a request by itself. */
function ownFields({ provenance: { address, proto, host, forwarded }, requestId }: RequestHead): string {
  const lines = `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\nX-Request-Id: ${requestId}\r\n`;
  return forwarded === "" ? lines : `${lines}Forwarded: ${forwarded}\r\n`;
}

/** The same, where rules may have the last word. */
function chosenFields(request: RequestHead, { dropped }: CompiledRules): string {
  const lines = ownFields(request);
  if (![...dropped].some((name) => CONSUMED.has(name))) return lines;
  return lines
    .split(/(?<=\r\n)/)
    .filter((line) => !dropped.has(line.slice(0, line.indexOf(":")).toLowerCase()))
    .join("");
}

function forwardedFields(
  { fields, nominated }: RequestHead,
  dropped: ReadonlySet<string> | undefined,
): string {
  const isDropped = (name: string): boolean =>
    CONSUMED.has(name) ||
    name.startsWith(":") ||
    nominated?.has(name) === true ||
    dropped?.has(name) === true;
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
