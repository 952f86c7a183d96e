/** One request over a connection that is open, and what is thought of the answer. */
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { RE2JS } from "re2js";
import type { Probe } from "../../provider/monitoring.ts";
import { unlessAborted } from "./dial.ts";
import { type Findings, ProbeFailure, type ProbeOptions, timed } from "./findings.ts";

/** Of a body, more is not read. */
const MAX_BODY = 1024 * 1024;

type HttpProbe = Extract<Probe, { readonly type: "http" }>;

/** Throws at once when the expression is none. */
export function exchange(
  probe: HttpProbe,
  url: URL,
  findings: Findings,
  { clock, signal }: ProbeOptions,
): (socket: Socket) => Promise<void> {
  const expression = probe.body === undefined ? undefined : RE2JS.compile(probe.body);
  return async (socket) => {
    const response = await timed("processing", findings, clock, () => send(probe, url, socket, signal));
    const status = response.statusCode ?? 0;
    findings.gauge("probe_http_status_code", "Status of the answer.", status);
    findings.gauge("probe_http_version", "Version of HTTP.", Number(response.httpVersion));
    findings.gauge(
      "probe_http_content_length",
      "Length that the answer says, -1 when it says none.",
      lengthOf(response),
    );
    const body = await timed("transfer", findings, clock, () => unlessAborted(read(response), signal));
    findings.gauge(
      "probe_http_uncompressed_body_length",
      "Bytes of the body, up to a megabyte.",
      body.length,
    );
    const fits = expression?.matcher(body.toString("utf8")).find() ?? true;
    findings.gauge("probe_failed_due_to_regex", "Whether the body was not as it should be.", fits ? 0 : 1);
    if (!probe.good.some(([from, to]) => status >= from && status <= to))
      throw new ProbeFailure(`status ${status}`);
    if (!fits) throw new ProbeFailure("body");
  };
}

function send(probe: HttpProbe, url: URL, socket: Socket, signal: AbortSignal): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request({
      createConnection: () => socket,
      path: url.pathname + url.search,
      headers: { host: probe.host ?? url.host, "user-agent": "tutti", connection: "close" },
    })
      .once("response", resolve)
      .on("error", reject)
      .end();
  });
  return unlessAborted(answered, signal);
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_BODY) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY);
}

function lengthOf({ headers }: IncomingMessage): number {
  return headers["content-length"] === undefined ? -1 : Number(headers["content-length"]);
}
