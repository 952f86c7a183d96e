/**
 * The query API of a Monitor's own Prometheus, for whoever reaches the control plane and not it: `/<what>/<namespace>/
 * <monitor>/api/v1/<endpoint>`. Only what reads; answers come as they are.
 */
import type { MountAnswer, MountRequest } from "../../api/mount.ts";
import type { Resource } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";

const READING =
  /^(query|query_range|query_exemplars|series|labels|label\/[^/]+\/values|metadata|format_query|rules|alerts|targets|targets\/metadata|status\/buildinfo)$/;
/** As long as Prometheus lets a query take. */
const PATIENCE = 120_000;
const MOST = 64 * 2 ** 20;
const JSON_TYPE = { "content-type": "application/json" };

export async function observed(request: MountRequest, store: Pick<Store, "get">): Promise<MountAnswer> {
  const [, , namespace = "", name = "", api, version, ...rest] = request.path.split("/");
  const endpoint = rest.join("/");
  if (api !== "api" || version !== "v1" || !READING.test(endpoint))
    return refusal(404, "not_found", `There is nothing to be read at ${request.path}.`);
  const key = { kind: "Monitor", namespace: decodeURIComponent(namespace), name: decodeURIComponent(name) };
  const monitor = store.get(key) as Resource<unknown, { readonly url?: string }> | undefined;
  const url = monitor?.status?.url;
  return url === undefined
    ? refusal(404, "not_found", `There is no Monitor ${namespace}/${name} with a Prometheus of its own.`)
    : passedOn(`${url}/api/v1/${endpoint}`, request);
}

async function passedOn(url: string, { method, query, headers, body }: MountRequest): Promise<MountAnswer> {
  const type = headers["content-type"];
  try {
    const response = await fetch(query === "" ? url : `${url}?${query}`, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
      ...(method === "POST" ? { body: Buffer.from(body) } : {}),
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    return { status: response.status, headers: JSON_TYPE, body: await bytesOf(response) };
  } catch (error) {
    const reason =
      error instanceof RangeError ? error.message : `No Prometheus answers at ${new URL(url).origin}.`;
    return refusal(502, "unavailable", reason);
  }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST)
      throw new RangeError(
        `The answer is larger than ${MOST / 2 ** 20} MiB: ask for fewer series, or points.`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusal(status: number, errorType: string, error: string): MountAnswer {
  return { status, headers: JSON_TYPE, body: JSON.stringify({ status: "error", errorType, error }) };
}
