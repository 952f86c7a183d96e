/** The answers the balancer gives itself: small, plain, and telling nothing of what is behind it. */
import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "./http.ts";

export interface AnswerOptions {
  readonly requestId?: string;
  readonly close?: boolean;
  readonly location?: string;
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
  if (status >= 502 && status <= 504) headers.push("Retry-After", "1");
  if (options.close === true && response.req.httpVersionMajor < 2) headers.push("Connection", "close");
  if (options.location !== undefined) headers.push("Location", options.location);
  response.writeHead(status, headers);
  response.end(text);
}
