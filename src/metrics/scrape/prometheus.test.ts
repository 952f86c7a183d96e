/** The scraper beside Debian's Prometheus: reads what it exposes, and finds the same series in the same targets. */
import { expect, it, vi } from "vitest";
import { Labels } from "../labels.ts";
import { exposer } from "./fixtures/exposer.ts";
import { prometheus, program } from "./fixtures/program.ts";
import { job, Scraping } from "./fixtures/scraping.ts";
import { type RelabelConfig, relabelRules } from "./relabel.ts";

interface VectorAnswer {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

async function query(address: string, expression: string): Promise<VectorAnswer["data"]["result"]> {
  const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return ((await answer.json()) as VectorAnswer).data.result;
}

it("node_exporter is read as a whole", async () => {
  await using node = await program("prometheus-node-exporter");
  await using at = new Scraping();
  await at.scrape({ job, address: node.address });
  expect(at.lastError).toBe("");
  expect(at.series.count()).toBeGreaterThan(200);
  expect(at.series.metadata.get("node_cpu_seconds_total")).toMatchObject({ type: "counter" });
  expect(at.series.values("node_uname_info")).toEqual([1]);
});

it("Prometheus' own metrics are read in the OpenMetrics that it answers with, and in the Prometheus format", async () => {
  await using server = await prometheus({});
  await using at = new Scraping();
  await at.scrape({ job, address: server.address });
  expect(at.lastError).toBe("");
  expect(at.series.values("prometheus_build_info")).toEqual([1]);
  expect(at.series.metadata.get("prometheus_tsdb_compaction_chunk_size_bytes")).toMatchObject({
    type: "histogram",
  });
  await using plain = new Scraping();
  await plain.scrape({ job: { ...job, headers: { accept: "text/plain" } }, address: server.address });
  expect(plain.lastError).toBe("");
  expect(plain.series.count()).toBeGreaterThan(200);
});

it(
  "labels come out as in Prometheus, whatever the rules do, and so does what is federated",
  { timeout: 120_000 },
  async () => {
    await using target = await exposer(
      [
        'requests{code="200",job="inner",path="/a\\"b\\\\\\n☃"} 1.5',
        'requests{code="500",instance=""} 2',
        'queue_depth{exported_job="x",job="inner"} 3',
        "dropped_total 4",
        'mixed{One="a",two="B"} 5',
        'shard{key="some key"} 6',
      ].join("\n") + "\n",
    );
    const rules: RelabelConfig[] = [
      { source_labels: ["__name__"], regex: "dropped_.*", action: "drop" },
      {
        source_labels: ["__name__", "code"],
        regex: "requests;(.)..",
        target_label: "class",
        replacement: "${1}xx",
      },
      { regex: "O(.*)", replacement: "copy_$1", action: "labelmap" },
      { source_labels: ["two"], target_label: "two", action: "lowercase" },
      { source_labels: ["key"], target_label: "part", modulus: 17, action: "hashmod" },
      { regex: "key", action: "labeldrop" },
    ];
    const targetRules: RelabelConfig[] = [
      { source_labels: ["__address__", "__meta"], separator: "/", target_label: "where" },
      { source_labels: ["__scheme__"], target_label: "scheme" },
    ];
    for (const honorLabels of [false, true]) {
      await using server = await prometheus({
        global: { scrape_interval: "1s" },
        scrape_configs: [
          {
            job_name: "shop",
            honor_labels: honorLabels,
            static_configs: [{ targets: [target.address], labels: { __meta: "m", zone: "z" } }],
            relabel_configs: targetRules,
            metric_relabel_configs: rules,
          },
        ],
      });
      const wanted = '{__name__=~"requests|queue_depth|mixed|shard|dropped_total"}';
      await vi.waitFor(async () => expect(await query(server.address, wanted)).toHaveLength(5), {
        timeout: 60_000,
        interval: 100,
      });
      const theirs = (await query(server.address, wanted))
        .map(({ metric }) => Labels.of(metric).toString())
        .sort();
      await using at = new Scraping();
      await at.scrape({
        job: { ...job, honorLabels, relabel: relabelRules(targetRules), metricRelabel: relabelRules(rules) },
        address: target.address,
        labels: { __meta: "m", zone: "z" },
      });
      const reports = /^(?:up|scrape_)/;
      expect(at.series.names().filter((name) => !reports.test(name))).toEqual(theirs);

      await using federated = new Scraping();
      await federated.scrape({
        job: {
          ...job,
          name: "federate",
          path: "/federate",
          params: { "match[]": [wanted] },
          honorLabels: true,
        },
        address: server.address,
      });
      expect(federated.lastError).toBe("");
      const names = federated.series.names().filter((name) => !name.includes('job="federate"'));
      expect(names).toEqual(theirs);
    }
  },
);
