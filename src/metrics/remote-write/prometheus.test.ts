/** Debian's Prometheus writes to the receiver what it scrapes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, it, vi } from "vitest";
import { exposer, text } from "../scrape/fixtures/exposer.ts";
import { MemorySeries } from "../scrape/fixtures/memory-series.ts";
import { prometheus } from "../scrape/fixtures/program.ts";
import { receive } from "./receiver.ts";

it("samples, metadata and markers of staleness arrive", { timeout: 120_000 }, async () => {
  const series = new MemorySeries();
  const statuses = new Set<number>();
  const server = createServer((request, response) => {
    void buffer(request)
      .then((body) => receive(request.headers, body, series))
      .then(({ status, message, headers }) => {
        statuses.add(status);
        response.writeHead(status, headers).end(message);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await using target = await exposer(
    '# HELP requests_total Größe.\n# TYPE requests_total counter\nrequests_total{path="/ü"} 12345678901\ngone NaN\n',
  );
  await using _prometheus = await prometheus({
    global: { scrape_interval: "1s", external_labels: { region: "eu" } },
    scrape_configs: [{ job_name: "shop", static_configs: [{ targets: [target.address] }] }],
    remote_write: [
      {
        url: `http://127.0.0.1:${port}/api/v1/write`,
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
  expect([...statuses]).toEqual([204]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
