/**
 * From the labels as exposed to those of the series: the target's labels are added, then the job's metric relabelling is
 * applied (Prometheus, "honor_labels" and "metric_relabel_configs").
 */
import { Labels, METRIC_NAME } from "../labels.ts";
import { relabel } from "./relabel.ts";
import type { Target } from "./target.ts";

/** Undefined when relabelling drops the sample. `labels`: name, value, name, value ... */
export function sampleLabels(target: Target, name: string, labels: readonly string[]): Labels | undefined {
  const { honorLabels = false, metricRelabel = [] } = target.definition.job;
  const all = new Map<string, string>([[METRIC_NAME, name]]);
  for (let at = 0; at < labels.length; at += 2) all.set(labels[at] as string, labels[at + 1] as string);
  if (honorLabels) {
    // One exposed with an empty value says that there shall be none.
    for (const [own, value] of target.labels) if (!all.has(own)) all.set(own, value);
  } else addTargetLabels(all, target.labels);
  for (const [each, value] of all) if (value === "") all.delete(each);
  return relabel(all, metricRelabel) ? Labels.of(all) : undefined;
}

function addTargetLabels(all: Map<string, string>, own: Labels): void {
  const exported: [string, string][] = [];
  for (const [name, value] of own) {
    const exposed = all.get(name) ?? "";
    if (exposed !== "") exported.push([name, exposed]);
    all.set(name, value);
  }
  exported.sort(([a], [b]) => a.length - b.length);
  for (const [name, value] of exported) {
    let free = `exported_${name}`;
    while ((all.get(free) ?? "") !== "") free = `exported_${free}`;
    all.set(free, value);
  }
}
