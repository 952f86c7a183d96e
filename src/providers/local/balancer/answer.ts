/** The answers the balancer gives itself: small, plain, and telling nothing of what is behind it. */
import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "./http.ts";

export interface AnswerOptions {
  readonly requestId?: string;
  readonly close?: boolean;
  readonly location?: string;
  /** Seconds; 1 when absent and the status asks to come back. */
  readonly retryAfter?: number;
}

/** Body of an answer of the balancer itself. */
export function answerText(status: number, requestId: string | undefined): string {
  return `${status} ${STATUS_CODES[status] ?? ""}\n${requestId === undefined ? "" : `request ${requestId}\n`}`;
}

/** Answers a request that no member answers. 502, 503 and 504 ask to come back in a second. */
export function answer(response: ServerResponse, status: number, options: AnswerOptions = {}): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const text = answerText(status, options.requestId);
  const headers = [
    "Content-Type",
    "text/plain; charset=utf-8",
    "Content-Length",
    String(Buffer.byteLength(text)),
    "Cache-Control",
    "no-store",
  ];
  const retryAfter = retryAfterOf(status, options.retryAfter);
  if (retryAfter !== undefined) headers.push("Retry-After", String(retryAfter));
  if (options.close === true && response.req.httpVersionMajor < 2) headers.push("Connection", "close");
  if (options.location !== undefined) headers.push("Location", options.location);
  response.writeHead(status, headers);
  response.end(text);
}

/** Seconds after which to come back; undefined when that would change nothing. */
export function retryAfterOf(status: number, seconds?: number): number | undefined {
  return seconds ?? (status >= 502 && status <= 504 ? 1 : undefined);
}

/** Answers an ACME server's question (RFC 8555, 8.3). */
export function answerChallenge(response: ServerResponse, value: string): void {
  response.writeHead(200, [
    "Content-Type",
    "application/octet-stream",
    "Content-Length",
    String(Buffer.byteLength(value)),
    "Cache-Control",
    "no-store",
  ]);
  response.end(value);
  response.req.resume();
}
