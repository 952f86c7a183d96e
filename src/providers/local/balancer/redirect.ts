/** Where a redirecting route sends a request: pure. */
import type { Redirect } from "./configuration.ts";

export interface RedirectedRequest {
  readonly authority: string;
  readonly scheme: "http" | "https";
  readonly path: string;
  readonly query: string;
}

const USUAL_PORTS = { http: 80, https: 443 } as const;

/** The Location: what the redirect states, and the request's own parts for the rest. */
export function location(redirect: Redirect, request: RedirectedRequest): string {
  const scheme = redirect.scheme ?? request.scheme;
  const own = /^(.*?)(?::(\d+))?$/.exec(request.authority);
  // The old port belongs to the old scheme and host.
  const isElsewhere = redirect.scheme !== undefined || redirect.host !== undefined;
  const port = redirect.port ?? Number((isElsewhere ? undefined : own?.[2]) ?? USUAL_PORTS[scheme]);
  const suffix = port === USUAL_PORTS[scheme] ? "" : `:${port}`;
  // A path of several leading slashes would be read as another host by the client.
  const path = (redirect.path ?? request.path).replace(/^\/+/, "/");
  return `${scheme}://${redirect.host ?? own?.[1] ?? ""}${suffix}${path}${request.query}`;
}
