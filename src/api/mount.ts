/**
 * APIs of other tools, served below a path of their own: Prometheus' query API, Alertmanager's v2. They are not
 * Kubernetes-shaped and answer as those tools do, errors included; what they share with ours is the server, its limits and
 * its authentication.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiLimits } from "./limits.ts";
import { readBytes } from "./body.ts";

export interface MountRequest {
  readonly method: string;
  /** Without the mount's prefix, with a leading slash. */
  readonly path: string;
  /** As it stands in the URL, without the question mark. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface MountAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** `gone`: aborted when nobody waits for the answer any more. */
export type Serve = (request: MountRequest, gone?: AbortSignal) => Promise<MountAnswer>;

/** By the first segment of the path: `prometheus`. */
export type Mounts = Readonly<Record<string, Serve | Mount>>;

export interface Mount {
  readonly serve: Serve;
  /** It checks signed requests itself (Signature Version 4): they carry no token. */
  readonly checksSignatures: boolean;
}

/** `target`: of the request, as it was sent: a mounted API may have escaped slashes in its paths. */
export function mountOf(
  mounts: Mounts = {},
  target = "/",
): readonly [mount: Mount, path: string] | undefined {
  const [path = "/"] = target.split("?", 1);
  const [, segment = ""] = path.split("/", 2);
  const found = Object.hasOwn(mounts, segment) ? mounts[segment] : undefined;
  if (found === undefined) return undefined;
  const mount = typeof found === "function" ? { serve: found, checksSignatures: false } : found;
  return [mount, path.slice(segment.length + 1) || "/"];
}

export async function serveMounted(
  [{ serve }, path]: readonly [Mount, string],
  request: IncomingMessage,
  response: ServerResponse,
  limits: ApiLimits,
): Promise<void> {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(", ")]),
  );
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const asked: MountRequest = {
    method: request.method === "HEAD" ? "GET" : (request.method ?? "GET"),
    path,
    query: queryOf(request.url ?? ""),
    headers,
    body: await readBytes(request, limits),
  };
  const answer = await serve(asked, gone.signal);
  const bytes = Buffer.from(answer.body as string);
  response.writeHead(answer.status, { "content-length": bytes.length, ...answer.headers });
  response.end(bytes);
}

/** All after the first question mark: a query may have more of them. */
function queryOf(target: string): string {
  const at = target.indexOf("?");
  return at < 0 ? "" : target.slice(at + 1);
}
