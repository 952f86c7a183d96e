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

export async function observed(
  { method, path, query, headers, body }: MountRequest,
  store: Pick<Store, "get">,
): Promise<MountAnswer> {
  const [, , namespace = "", name = "", ...rest] = path.split("/");
  const endpoint = rest.slice(2).join("/");
  if (rest[0] !== "api" || rest[1] !== "v1" || !READING.test(endpoint))
    return refusal(404, "not_found", `There is nothing to be read at ${path}.`);
  const monitor = store.get({
    kind: "Monitor",
    namespace: decodeURIComponent(namespace),
    name: decodeURIComponent(name),
  }) as Resource<unknown, { readonly url?: string }> | undefined;
  const url = monitor?.status?.url;
  if (url === undefined)
    return refusal(
      404,
      "not_found",
      `There is no Monitor ${namespace}/${name} with a Prometheus of its own.`,
    );
  const type = headers["content-type"];
  try {
    const response = await fetch(`${url}/api/v1/${endpoint}${query === "" ? "" : `?${query}`}`, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
      ...(method === "POST" ? { body: Buffer.from(body) } : {}),
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    return { status: response.status, headers: JSON_TYPE, body: await bytesOf(response) };
  } catch (error) {
    const reason = error instanceof RangeError ? error.message : `No Prometheus answers at ${url}.`;
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
