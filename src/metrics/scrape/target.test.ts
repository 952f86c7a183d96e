import { expect, it } from "vitest";
import { relabelRules } from "./relabel.ts";
import { type Target, type TargetDefinition, resolveTarget } from "./target.ts";

const job = { name: "shop", interval: 15_000, timeout: 10_000 };

function target(definition: TargetDefinition): Target {
  const resolved = resolveTarget(definition);
  if (!("url" in resolved)) throw new Error("The target is dropped.");
  return resolved;
}

it("a target is where its job says, with the job's and its own labels", () => {
  const resolved = target({
    job: { ...job, scheme: "https", path: "stats", params: { module: ["a", "b"], x: ["&"] } },
    address: "db:5432",
    labels: { zone: "a", __meta_owner: "me" },
  });
  expect(resolved.url).toBe("https://db:5432/stats?module=a&module=b&x=%26");
  expect(resolved.labels.toObject()).toEqual({ job: "shop", zone: "a", instance: "db:5432" });
  expect(resolved).toMatchObject({ interval: 15_000, timeout: 10_000 });
});

it("relabelling decides where, how often and as what a target is scraped", () => {
  const relabel = relabelRules([
    { source_labels: ["__address__"], target_label: "__param_target" },
    { source_labels: ["__param_target"], target_label: "instance" },
    { target_label: "__address__", replacement: "prober:9115" },
    { target_label: "__metrics_path__", replacement: "/probe" },
    { target_label: "__scheme__", replacement: "https" },
    { target_label: "__scrape_interval__", replacement: "1m30s" },
    { target_label: "__scrape_timeout__", replacement: "500ms" },
    { target_label: "job", replacement: "probes" },
  ]);
  const resolved = target({ job: { ...job, relabel }, address: "https://shop.example/" });
  expect(resolved.url).toBe("https://prober:9115/probe?target=https%3A%2F%2Fshop.example%2F");
  expect(resolved.labels.toObject()).toEqual({ job: "probes", instance: "https://shop.example/" });
  expect(resolved).toMatchObject({ interval: 90_000, timeout: 500 });
});

it("a target's own labels win over its job's settings", () => {
  const resolved = target({
    job,
    address: "a:1",
    labels: { __metrics_path__: "/own", __scheme__: "https", job: "own" },
  });
  expect(resolved.url).toBe("https://a:1/own");
  expect(resolved.labels.get("job")).toBe("own");
});

it("a target that relabelling leaves without an address or with a strange interval is refused", () => {
  const gone = relabelRules([{ target_label: "__address__", replacement: "" }]);
  expect(() => resolveTarget({ job: { ...job, relabel: gone }, address: "a" })).toThrow(/has no address/);
  const odd = relabelRules([{ target_label: "__scrape_interval__", replacement: "often" }]);
  expect(() => resolveTarget({ job: { ...job, relabel: odd }, address: "a" })).toThrow(
    /'often' is no interval/,
  );
});

it("equal declarations are the same target, whatever made them", () => {
  const one = target({ job, address: "a:1", labels: { x: "1", y: "2" } });
  const other = target({ job: { ...job }, address: "a:1", labels: { y: "2", x: "1", __meta_z: "3" } });
  expect(other.key).toBe(one.key);
  expect(target({ job, address: "a:2" }).key).not.toBe(one.key);
});
