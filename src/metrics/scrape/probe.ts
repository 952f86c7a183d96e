/**
 * Asks a service from outside, as blackbox_exporter does, and tells what came of it by the same series
 * (github.com/prometheus/blackbox_exporter): `probe_success`, `probe_duration_seconds`, and what the kind of probe adds.
 *
 *     resolve -> connect -> tls -> processing (until the first byte) -> transfer
 *
 * A probe that fails is an answer, not an error: `probe_success` is 0, and `probe_failure_info` has the step and the reason.
 * It is an error when the probe itself is wrong. Redirections are not followed: what a URL answers is what is judged.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Probe } from "../../provider/monitoring.ts";
import { writeFamilies } from "../exposition/write.ts";
import { earliestExpiry, endpointOf, openTcp, openTls, resolveHost } from "./dial.ts";
import { Findings, ProbeFailure, type ProbeOptions, timed } from "./findings.ts";
import { exchange } from "./probe-http.ts";

/** An exposition in the Prometheus format. Rejects when the probe itself is wrong. */
export async function probeText(probe: Probe, options: ProbeOptions): Promise<string> {
  const findings = new Findings();
  const began = options.clock.now();
  const run = runner(probe, findings, options);
  let success = 1;
  try {
    await run();
  } catch (error) {
    success = 0;
    const labels = { step: findings.step, reason: reasonOf(error, options.signal) };
    findings.gauge("probe_failure_info", "Where the probe failed, and why.", 1, labels);
  }
  findings.gauge("probe_success", "Whether the probe was a success.", success);
  findings.gauge("probe_duration_seconds", "How long the probe took.", (options.clock.now() - began) / 1000);
  addDurations(probe, findings);
  return [...writeFamilies(findings.families, "prometheus")].join("");
}

function addDurations(probe: Probe, { families, durations }: Findings): void {
  const dns = { name: "probe_dns_lookup_time_seconds", help: "How long the name took to be resolved." };
  families.push({ ...dns, type: "gauge", samples: [{ value: durations.get("resolve") ?? 0 }] });
  if (probe.type !== "http") return;
  const steps = { name: "probe_http_duration_seconds", help: "How long each step of the request took." };
  const samples = [...durations].map(([phase, value]) => ({ labels: [["phase", phase]] as const, value }));
  families.push({ ...steps, type: "gauge", samples });
}

/** Checks the probe, and returns what runs it. */
function runner(probe: Probe, findings: Findings, options: ProbeOptions): () => Promise<void> {
  if (probe.type === "http") {
    const url = new URL(probe.url);
    if (url.protocol !== "http:" && url.protocol !== "https:")
      throw new Error(`'${probe.url}' is no URL to probe: it begins with neither http:// nor https://.`);
    const secure = url.protocol === "https:";
    const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const judge = exchange(probe, url, findings, options);
    return async () => {
      findings.gauge("probe_http_ssl", "Whether TLS was used.", secure ? 1 : 0);
      const socket = await open({ host, port }, findings, options);
      const settings = { serverName: probe.host ?? host, insecure: probe.insecure === true };
      using connection = disposable(secure ? await secured(socket, settings, findings, options) : socket);
      await judge(connection.socket);
    };
  }
  const endpoint = endpointOf(probe.address);
  if (probe.type === "tcp")
    return async () => {
      using _connection = disposable(await open(endpoint, findings, options));
    };
  const settings = { serverName: probe.serverName ?? endpoint.host, insecure: probe.insecure === true };
  return async () => {
    const socket = await open(endpoint, findings, options);
    using _connection = disposable(await secured(socket, settings, findings, options));
  };
}

function disposable(socket: Socket): Disposable & { readonly socket: Socket } {
  return { socket, [Symbol.dispose]: () => void socket.destroy() };
}

async function open(
  { host, port }: { readonly host: string; readonly port: number },
  findings: Findings,
  { clock, signal }: ProbeOptions,
): Promise<Socket> {
  const address = await timed("resolve", findings, clock, () => resolveHost(host, signal));
  findings.gauge("probe_ip_protocol", "Version of the internet protocol.", address.family);
  return timed("connect", findings, clock, () => openTcp(address, port, signal));
}

async function secured(
  socket: Socket,
  { serverName, insecure }: { readonly serverName: string; readonly insecure: boolean },
  findings: Findings,
  { clock, signal, ca }: ProbeOptions,
): Promise<TLSSocket> {
  const secure = await timed("tls", findings, clock, () => openTls(socket, { serverName, ca, signal }));
  const expiry = earliestExpiry(secure);
  if (expiry !== undefined)
    findings.gauge(
      "probe_ssl_earliest_cert_expiry",
      "When the first certificate of the chain ends, in seconds.",
      expiry,
    );
  const version = secure.getProtocol()?.replace(/^TLSv/, "TLS ") ?? "unknown";
  findings.gauge("probe_tls_version_info", "Which version of TLS was used.", 1, { version });
  if (secure.authorized || insecure) return secure;
  secure.destroy();
  throw new ProbeFailure(String(secure.authorizationError));
}

/** Short, and the same each time: it is a label's value. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "timeout";
  if (error instanceof ProbeFailure) return error.message;
  return (error as NodeJS.ErrnoException).code ?? "broken off";
}
