import type { ServerResponse } from "node:http";
import { type StatusError, statusBody } from "./status-error.ts";

export function sendText(response: ServerResponse, code: number, text: string, type: string): void {
  const bytes = Buffer.from(text, "utf8");
  response.writeHead(code, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-cache, private",
  });
  response.end(bytes);
}

export function sendJson(response: ServerResponse, code: number, body: unknown): void {
  sendText(response, code, JSON.stringify(body), "application/json");
}

/** Once the head is out there is no way to say it: then the connection is cut, so that nobody takes a part for the whole. */
export function sendStatusError(response: ServerResponse, error: StatusError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (error.code === 401) response.setHeader("www-authenticate", "Bearer");
  if (error.details?.retryAfterSeconds !== undefined)
    response.setHeader("retry-after", error.details.retryAfterSeconds);
  // The rest of a body that is too large is not worth reading: no further request comes over this connection.
  if (error.code === 413 || error.code === 408) response.setHeader("connection", "close");
  sendJson(response, error.code, statusBody(error));
}
