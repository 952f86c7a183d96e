/**
 * What monitoring tells of itself: rules, notifications, series. Names are those that Prometheus and Alertmanager have for
 * the same, so that rules and dashboards made for them fit (controllers/monitor/rules/control-plane.ts).
 */
import type { AlertingSample } from "../../../metrics/alerting/counters.ts";
import type { RuleMetric } from "../../../metrics/rules/rule-metrics.ts";
import type { SeriesStoreStats } from "../../../metrics/series/store.ts";
import { Exposition, type LabelValues } from "../../../provider/exposition.ts";

export interface Observing {
  readonly rules: readonly RuleMetric[];
  readonly notifications: readonly AlertingSample[];
  readonly series: SeriesStoreStats;
}

export function observingText({ rules, notifications, series }: Observing): string {
  const out = new Exposition();
  for (const { name, type, help, samples } of rules)
    out.samples(
      name.replace(/^tutti_/, "prometheus_"),
      type === "counter" ? "counter" : "gauge",
      help,
      samples.map(({ labels, value }) => [labels, value]),
    );
  for (const [name, samples] of Map.groupBy(notifications, (sample) => sample.name))
    out.samples(
      name,
      "counter",
      "As in Alertmanager.",
      samples.map(({ labels, value }) => [labels, value]),
    );
  seriesFamilies(out, series);
  return out.toString();
}

function seriesFamilies(out: Exposition, series: SeriesStoreStats): void {
  const one = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    value: number,
    labels: LabelValues = {},
  ): void => out.samples(name, type, help, [[labels, value]]);
  one("prometheus_tsdb_head_series", "gauge", "Series in memory.", series.series);
  one("prometheus_tsdb_head_chunks", "gauge", "Chunks in memory.", series.chunks);
  one("prometheus_tsdb_head_samples_appended_total", "counter", "Samples taken.", series.appended);
  one("tutti_series_memory_bytes", "gauge", "Memory of chunks and label lists.", series.memory);
  one("tutti_series_wal_bytes", "gauge", "Size of the write-ahead log.", series.wal);
  one("prometheus_tsdb_storage_blocks_bytes", "gauge", "Size of the blocks on disk.", series.blocks.bytes);
  one("prometheus_tsdb_blocks_loaded", "gauge", "Blocks on disk.", series.blocks.count);
  one(
    "tutti_series_dropped_samples_total",
    "counter",
    "Samples lost because the disk took none.",
    series.dropped,
  );
  out.samples(
    "tutti_series_rejected_samples_total",
    "counter",
    "Samples that were not taken, by reason.",
    Object.entries(series.rejected).map(([reason, count]) => [{ reason }, count]),
  );
}
