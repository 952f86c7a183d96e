/** How a target is asked: with which credentials, over which connection, in which encoding. */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { certificateFor } from "./fixtures/certificate.ts";
import { exposer } from "./fixtures/exposer.ts";
import { job, Scraping } from "./fixtures/scraping.ts";
import type { ScrapeJob, ScrapeTls } from "./target.ts";

async function headersOf(settings: Partial<ScrapeJob>): Promise<NodeJS.Dict<string | string[]>> {
  let headers: NodeJS.Dict<string | string[]> = {};
  await using target = await exposer((request, response) => {
    headers = request.headers;
    response.end("a 1\n");
  });
  await using at = new Scraping();
  await at.scrape({ job: { ...job, ...settings }, address: target.address });
  expect(at.lastError).toBe("");
  return headers;
}

it("a target is told what is understood, and how much time there is", async () => {
  expect(await headersOf({})).toMatchObject({
    accept: expect.stringMatching(/^application\/openmetrics-text;version=1\.0\.0/),
    "x-prometheus-scrape-timeout-seconds": "10",
    "accept-encoding": "identity",
  });
});

it("credentials and headers of the job are sent", async () => {
  expect(await headersOf({ authorization: { bearer: "secret" } })).toMatchObject({
    authorization: "Bearer secret",
  });
  expect(await headersOf({ authorization: { username: "ü", password: "p:w" } })).toMatchObject({
    authorization: `Basic ${Buffer.from("ü:p:w").toString("base64")}`,
  });
  expect(await headersOf({ headers: { "x-scope": "shop" } })).toMatchObject({ "x-scope": "shop" });
});

it("credentials are in no error", async () => {
  await using target = await exposer((_request, response) => response.writeHead(401).end());
  await using at = new Scraping();
  await at.scrape({
    job: { ...job, authorization: { bearer: "secret" }, headers: { "x-key": "secret" } },
    address: target.address,
  });
  expect(at.lastError).toBe("The target answers with status 401 Unauthorized.");
  expect(
    JSON.stringify(at.scraper.targets().active.map(({ target: { labels, url } }) => [labels, url])),
  ).not.toContain("secret");
});

it("packed bodies are unpacked, small and large", async () => {
  for (const count of [10, 50_000]) {
    const body = Array.from(
      { length: count },
      (_, index) => `a{number="${index}",text="${Math.sin(index)}"} ${index}\n`,
    ).join("");
    await using target = await exposer((_request, response) => {
      response.setHeader("content-encoding", "gzip").end(gzipSync(body));
    });
    await using at = new Scraping();
    await at.scrape({ job, address: target.address });
    expect(at.lastError).toBe("");
    expect(at.series.values("scrape_samples_scraped")).toEqual([count]);
    expect(at.series.values("a", { number: String(count - 1) })).toEqual([count - 1]);
  }
});

it("a target is read over TLS when its certificate is trusted, or need not be", async () => {
  const { cert, key } = await certificateFor("127.0.0.1", new Date("2099-01-01T00:00:00Z"));
  const server = createServer({ cert, key }, (_request, response) => response.end("a 1\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const scrape = async (tls: ScrapeTls): Promise<string> => {
      await using at = new Scraping();
      await at.scrape({ job: { ...job, scheme: "https", tls }, address });
      return at.lastError;
    };
    expect(await scrape({ ca: cert })).toBe("");
    expect(await scrape({ insecureSkipVerify: true })).toBe("");
    expect(await scrape({})).toMatch(/self-signed certificate/);
    expect(await scrape({ ca: cert, serverName: "other.example" })).toMatch(
      /does not match certificate's altnames/,
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

it("a connection that the target closed while it was idle is opened again without a failed scrape", async () => {
  await using target = await exposer((_request, response) => {
    // Says that it keeps the connection, and closes it.
    response.setHeader("connection", "keep-alive").end("a 1\n", () => response.socket?.destroySoon());
  });
  await using at = new Scraping();
  const definition = { job, address: target.address };
  await at.scrape(definition);
  await at.again(definition);
  await at.clock.advance(0);
  await at.again(definition);
  expect(at.series.values("up")).toEqual([1, 1, 1]);
});
