/** A native histogram that Debian's Prometheus scrapes and writes on is the very one that our own scraper reads. */
import { expect, it, vi } from "vitest";
import { counter, nativeHistogram } from "../exposition/fixtures/families.ts";
import { exposer } from "../scrape/fixtures/exposer.ts";
import { MemorySeries } from "../scrape/fixtures/memory-series.ts";
import { prometheus } from "../scrape/fixtures/program.ts";
import { job, Scraping } from "../scrape/fixtures/scraping.ts";
import { receiving } from "./fixtures/receiving.ts";

it(
  "scraped by us or written by Prometheus, a native histogram is the same",
  { timeout: 120_000 },
  async () => {
    const body = Buffer.concat([counter, nativeHistogram]);
    await using target = await exposer((request, response) => {
      expect(request.headers.accept).toMatch(/^application\/vnd\.google\.protobuf/);
      response
        .setHeader(
          "content-type",
          "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        )
        .end(body);
    });
    await using at = new Scraping();
    await at.scrape({ job: { ...job, nativeHistograms: true }, address: target.address });
    expect(at.lastError).toBe("");
    const [own] = at.series.values("latency_seconds", { code: "200" });
    expect(own).toMatchObject({ count: 12, sum: 18.5 });
    expect(at.series.points("requests_total", { path: "/ü" })).toMatchObject([
      { value: 17, start: 1_700_000_000_500 },
    ]);

    const written = new MemorySeries();
    await using receiver = await receiving(written);
    await using _prometheus = await prometheus(
      {
        global: { scrape_interval: "1s" },
        scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target.address] }] }],
        remote_write: [
          { url: receiver.url, send_native_histograms: true, queue_config: { batch_send_deadline: "200ms" } },
        ],
      },
      "--enable-feature=native-histograms",
    );
    await vi.waitFor(
      () => expect(written.values("latency_seconds", { code: "200" }).length).toBeGreaterThan(0),
      { timeout: 60_000, interval: 100 },
    );
    expect(receiver.statuses).toEqual(new Set([204]));
    expect(written.values("latency_seconds", { code: "200" })[0]).toEqual(own);
  },
);
