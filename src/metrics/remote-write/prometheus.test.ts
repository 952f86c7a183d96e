/** Debian's Prometheus writes to the receiver what it scrapes. */
import { expect, it, vi } from "vitest";
import { exposer, text } from "../scrape/fixtures/exposer.ts";
import { MemorySeries } from "../scrape/fixtures/memory-series.ts";
import { prometheus } from "../scrape/fixtures/program.ts";
import { receiving } from "./fixtures/receiving.ts";

it("samples, metadata and markers of staleness arrive", { timeout: 120_000 }, async () => {
  const series = new MemorySeries();
  await using receiver = await receiving(series);
  await using target = await exposer(
    '# HELP requests_total Größe.\n# TYPE requests_total counter\nrequests_total{path="/ü"} 12345678901\ngone NaN\n',
  );
  await using _prometheus = await prometheus({
    global: { scrape_interval: "1s", external_labels: { region: "eu" } },
    scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target.address] }] }],
    remote_write: [
      {
        url: receiver.url,
        metadata_config: { send_interval: "1s" },
        queue_config: { batch_send_deadline: "200ms" },
      },
    ],
  });
  const labels = { job: "shop", instance: target.address, region: "eu" };
  const settled = { timeout: 60_000, interval: 100 };
  await vi.waitFor(() => {
    expect(series.values("requests_total", { ...labels, path: "/ü" })).toContain(12_345_678_901);
    expect(series.values("gone", labels)[0]).toBeNaN();
    expect(series.values("up", labels)).toContain(1);
    expect(series.metadata.get("requests_total")).toEqual({ type: "counter", help: "Größe.", unit: "" });
  }, settled);
  target.respond = text("other -0.25\n");
  await vi.waitFor(() => {
    expect(series.values("gone", labels).at(-1)).toBe("stale");
    expect(series.values("requests_total", labels).at(-1)).toBe("stale");
    expect(series.values("other", labels)).toContain(-0.25);
  }, settled);
  expect(receiver.statuses).toEqual(new Set([204]));
});
