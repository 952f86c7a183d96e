import { createServer as createSecureServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import type { Probe } from "../../provider/monitoring.ts";
import { defaultLimits } from "../exposition/limits.ts";
import { ExpositionMemory } from "../exposition/memory.ts";
import { TextParser } from "../exposition/text-parser.ts";
import { certificateFor } from "./fixtures/certificate.ts";
import { exposer } from "./fixtures/exposer.ts";
import { job, Scraping } from "./fixtures/scraping.ts";
import type { ProbeOptions } from "./findings.ts";
import { probeText } from "./probe.ts";

/** The series of a probe by their text. */
async function measure(probe: Probe, options: Partial<ProbeOptions> = {}): Promise<Record<string, number>> {
  const text = await probeText(probe, {
    clock: systemClock,
    signal: new AbortController().signal,
    ...options,
  });
  const series: Record<string, number> = {};
  const memory = new ExpositionMemory("prometheus");
  const parser = new TextParser("probe", memory, defaultLimits, (each, value) => (series[each.text] = value));
  parser.write(Buffer.from(text));
  parser.end();
  return series;
}

async function listening(
  server: Server,
): Promise<AsyncDisposable & { readonly address: string; readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const OK = [[200, 299]] as const;

it("an answer that is good is a success, with each step's time", async () => {
  await using target = await exposer("hello");
  const series = await measure({ type: "http", url: `http://${target.address}/path`, good: OK });
  expect(series).toMatchObject({
    probe_success: 1,
    probe_http_status_code: 200,
    probe_http_version: 1.1,
    probe_http_ssl: 0,
    probe_http_uncompressed_body_length: 5,
    probe_ip_protocol: 4,
    probe_failed_due_to_regex: 0,
  });
  for (const phase of ["resolve", "connect", "processing", "transfer"])
    expect(series[`probe_http_duration_seconds{phase="${phase}"}`]).toBeGreaterThanOrEqual(0);
  expect(series["probe_duration_seconds"]).toBeGreaterThanOrEqual(0);
});

it("the path, the query and the host that are asked for arrive", async () => {
  await using target = await exposer((request, response) =>
    response.end(`${request.headers.host} ${request.url}`),
  );
  const url = `http://${target.address}/a/b?c=d`;
  expect(
    await measure({ type: "http", url, host: "shop.example", good: OK, body: "^shop\\.example /a/b\\?c=d$" }),
  ).toMatchObject({
    probe_success: 1,
  });
});

it("an answer of another status, or with another body, is a failure", async () => {
  await using target = await exposer((_request, response) => response.writeHead(503).end("sorry"));
  const url = `http://${target.address}/`;
  expect(await measure({ type: "http", url, good: OK })).toMatchObject({
    probe_success: 0,
    probe_http_status_code: 503,
    'probe_failure_info{step="transfer",reason="status 503"}': 1,
  });
  expect(await measure({ type: "http", url, good: [[500, 599]], body: "so+rry" })).toMatchObject({
    probe_success: 1,
  });
  expect(await measure({ type: "http", url, good: [[500, 599]], body: "welcome" })).toMatchObject({
    probe_success: 0,
    probe_failed_due_to_regex: 1,
    'probe_failure_info{step="transfer",reason="body"}': 1,
  });
});

it("a port is probed by connecting, and one where nobody listens is a failure", async () => {
  const server = await listening(createTcpServer((socket) => socket.on("error", () => {}).end()));
  expect(await measure({ type: "tcp", address: server.address })).toMatchObject({ probe_success: 1 });
  await server[Symbol.asyncDispose]();
  expect(await measure({ type: "tcp", address: server.address })).toMatchObject({
    probe_success: 0,
    'probe_failure_info{step="connect",reason="ECONNREFUSED"}': 1,
  });
});

it("when a certificate ends is measured whether it is trusted or not", async () => {
  const notAfter = new Date("2031-02-03T04:05:06Z");
  const { cert, key } = await certificateFor("localhost", notAfter);
  await using server = await listening(
    createSecureServer({ cert, key }, (_request, response) => response.end("ok")),
  );
  const expiry = {
    probe_ssl_earliest_cert_expiry: notAfter.getTime() / 1000,
    'probe_tls_version_info{version="TLS 1.3"}': 1,
  };
  const tls: Probe = { type: "tls", address: server.address, serverName: "localhost" };
  expect(await measure(tls, { ca: cert })).toMatchObject({ ...expiry, probe_success: 1 });
  expect(await measure({ ...tls, insecure: true })).toMatchObject({ ...expiry, probe_success: 1 });
  expect(await measure(tls)).toMatchObject({
    ...expiry,
    probe_success: 0,
    'probe_failure_info{step="tls",reason="DEPTH_ZERO_SELF_SIGNED_CERT"}': 1,
  });
  expect(await measure({ ...tls, serverName: "other.example" }, { ca: cert })).toMatchObject({
    ...expiry,
    probe_success: 0,
    'probe_failure_info{step="tls",reason="ERR_TLS_CERT_ALTNAME_INVALID"}': 1,
  });
  const http: Probe = { type: "http", url: `https://${server.address}/`, host: "localhost", good: OK };
  expect(await measure(http, { ca: cert })).toMatchObject({ ...expiry, probe_success: 1, probe_http_ssl: 1 });
  expect(await measure(http)).toMatchObject({ ...expiry, probe_success: 0, probe_http_ssl: 1 });
});

it("a certificate that has ended is a failure", async () => {
  const notAfter = new Date("2020-01-01T00:00:00Z");
  const { cert, key } = await certificateFor("127.0.0.1", notAfter);
  await using server = await listening(createSecureServer({ cert, key }));
  expect(await measure({ type: "tls", address: server.address }, { ca: cert })).toMatchObject({
    probe_ssl_earliest_cert_expiry: notAfter.getTime() / 1000,
    probe_success: 0,
    'probe_failure_info{step="tls",reason="CERT_HAS_EXPIRED"}': 1,
  });
});

it("a server that says nothing is a failure when the time is up, and the target itself is up", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  await using server = await listening(
    createTcpServer((socket) => void socket.on("error", () => {}).once("data", resolve)),
  );
  await using at = new Scraping();
  const scraped = new Promise<void>((done) => at.scraper.onScraped(() => done()));
  const probe: Probe = { type: "http", url: `http://${server.address}/`, good: OK };
  const collect = (signal: AbortSignal): Promise<string> => probeText(probe, { clock: at.clock, signal });
  at.scraper.setTargets([{ job, address: "probe/silent", collect }]);
  await at.clock.advance(15_000);
  await asked;
  await at.clock.advance(9_500);
  await scraped;
  expect(at.series.values("probe_success")).toEqual([0]);
  expect(at.series.values("probe_failure_info", { step: "processing", reason: "timeout" })).toEqual([1]);
  expect(at.series.values("up")).toEqual([1]);
});

it("a body without end is read up to a megabyte", async () => {
  await using target = await exposer((_request, response) => {
    response.on("error", () => {});
    response.end(Buffer.alloc(50 * 1024 * 1024, "x"));
  });
  expect(await measure({ type: "http", url: `http://${target.address}/`, good: OK })).toMatchObject({
    probe_success: 1,
    probe_http_uncompressed_body_length: 1024 * 1024,
    probe_http_content_length: 50 * 1024 * 1024,
  });
});

it("a probe that is none is an error, not a failure", async () => {
  await expect(measure({ type: "tcp", address: "nowhere" })).rejects.toThrow(
    "'nowhere' is no address to probe: write it as host:port.",
  );
  await expect(measure({ type: "http", url: "ftp://x/", good: OK })).rejects.toThrow(
    "begins with neither http:// nor https://",
  );
  await expect(measure({ type: "http", url: "http://x/", good: OK, body: "(" })).rejects.toThrow(
    /missing closing/,
  );
});
