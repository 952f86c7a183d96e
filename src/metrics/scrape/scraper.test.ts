import { expect, it } from "vitest";
import type { Timer } from "../../clock/clock.ts";
import { ManualClock } from "../../clock/manual.ts";
import { exposer, text } from "./fixtures/exposer.ts";
import { MemorySeries } from "./fixtures/memory-series.ts";
import { Scraping, job } from "./fixtures/scraping.ts";
import { relabelRules } from "./relabel.ts";
import { Scraper } from "./scraper.ts";
import type { TargetDefinition } from "./target.ts";

it("samples get the target's labels, and the scrape is reported", async () => {
  await using target = await exposer('requests_total{code="200"} 17\nqueue 3.5\n');
  await using at = new Scraping();
  await at.scrape({ job, address: target.address, labels: { zone: "a" } });
  const instance = target.address;
  expect(at.series.names()).toEqual(
    [
      `queue{instance="${instance}", job="shop", zone="a"}`,
      `requests_total{code="200", instance="${instance}", job="shop", zone="a"}`,
      ...[
        "scrape_duration_seconds",
        "scrape_samples_post_metric_relabeling",
        "scrape_samples_scraped",
        "scrape_series_added",
        "up",
      ].map((name) => `${name}{instance="${instance}", job="shop", zone="a"}`),
    ].sort(),
  );
  expect(at.series.values("requests_total")).toEqual([17]);
  expect(at.series.values("up")).toEqual([1]);
  expect(at.series.values("scrape_samples_scraped")).toEqual([2]);
  expect(at.series.values("scrape_series_added")).toEqual([2]);
});

it("one connection serves all scrapes of a target", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  const definition = { job, address: target.address };
  await at.scrape(definition);
  for (const _ of ["second", "third"]) {
    // One turn of the event loop, in which the connection becomes free.
    await at.clock.advance(0);
    await at.again(definition);
  }
  expect(at.series.values("a")).toEqual([1, 1, 1]);
  expect(at.series.values("scrape_series_added")).toEqual([1, 0, 0]);
  expect([target.requests, target.connections]).toEqual([3, 1]);
});

it("a series that vanishes ends, and one that comes back goes on", async () => {
  await using target = await exposer("a 1\nb 2\n");
  await using at = new Scraping();
  const definition = { job, address: target.address };
  await at.scrape(definition);
  target.respond = text("b 3\n");
  await at.again(definition);
  await at.again(definition);
  target.respond = text("a 4\nb 5\n");
  await at.again(definition);
  expect(at.series.values("a")).toEqual([1, "stale", 4]);
  expect(at.series.values("b")).toEqual([2, 3, 3, 5]);
});

it("all series of a target end once when it cannot be scraped, but for what reports it", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  const definition = { job, address: target.address };
  await at.scrape(definition);
  target.respond = (_request, response) => response.writeHead(503).end("busy");
  await at.again(definition);
  await at.again(definition);
  expect(at.series.values("a")).toEqual([1, "stale"]);
  expect(at.series.values("up")).toEqual([1, 0, 0]);
  expect(at.lastError).toBe("The target answers with status 503 Service Unavailable.");
  target.respond = text("a 2\n");
  await at.again(definition);
  expect(at.series.values("a")).toEqual([1, "stale", 2]);
  expect(at.lastError).toBe("");
});

it("all series of a target that is taken away end, others go on", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  const [one, other] = ["1", "2"].map((zone) => ({ job, address: target.address, labels: { zone } }));
  if (one === undefined || other === undefined) throw new Error("There are two.");
  at.scraper.setTargets([one, other]);
  await at.again(one);
  await at.again(other);
  at.scraper.setTargets([other]);
  await at.scraper.settled();
  expect(at.series.values("a", { zone: "1" })).toEqual([1, "stale"]);
  expect(at.series.values("up", { zone: "1" })).toEqual([1, "stale"]);
  expect(at.series.values("a", { zone: "2" })).toEqual([1]);
});

it("a scraper that stops ends no series", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  await at.scrape({ job, address: target.address });
  await at.scraper.stop();
  expect(at.series.values("a")).toEqual([1]);
  expect(at.series.values("up")).toEqual([1]);
});

it("half an exposition is none: nothing of it is kept", async () => {
  await using target = await exposer("good 1\nbad one\n");
  await using at = new Scraping();
  await at.scrape({ job, address: target.address });
  expect(at.series.count("good")).toBe(0);
  expect(at.series.values("up")).toEqual([0]);
  expect(at.lastError).toBe(
    `BadExposition: The value is no number: "one". (http://${target.address}/metrics:2) ` +
      "Expose what the format allows: `promtool check metrics` shows the same mistakes.",
  );
});

it("a sample with a time of its own keeps it, and no marker ends it", async () => {
  await using target = await exposer(`a 1 ${Date.UTC(2025, 11, 31)}\n`);
  await using at = new Scraping();
  const definition = { job, address: target.address };
  await at.scrape(definition);
  target.respond = text("");
  await at.again(definition);
  expect(at.series.points("a")).toEqual([{ time: Date.UTC(2025, 11, 31), value: 1 }]);
});

it("times of the exposition do not count where the job does not honour them", async () => {
  await using target = await exposer("a 1 1000\n");
  await using at = new Scraping();
  await at.scrape({ job: { ...job, honorTimestamps: false }, address: target.address });
  expect(at.series.points("a")).toEqual([{ time: at.clock.now(), value: 1 }]);
});

it("samples that the store does not take are told of, and the target is up", async () => {
  await using target = await exposer("a 1 2000\na 2 1000\n");
  await using at = new Scraping();
  await at.scrape({ job, address: target.address });
  expect(at.series.values("up")).toEqual([1]);
  expect(at.scraper.targets().active[0]?.lastWarning).toBe("Some samples were not kept: 1 out-of-order.");
});

it("a label that the target has too is kept as exported_, or wins where labels are honoured", async () => {
  await using target = await exposer('a{job="inner",exported_job="x"} 1\nb{job=""} 2\n');
  await using at = new Scraping();
  const address = target.address;
  await at.scrape({ job, address });
  expect(
    at.series.points("a", { job: "shop", exported_job: "x", exported_exported_job: "inner" }),
  ).toHaveLength(1);
  expect(at.series.points("b", { job: "shop" })).toHaveLength(1);
  await using honoured = new Scraping();
  await honoured.scrape({ job: { ...job, honorLabels: true }, address });
  expect(honoured.series.points("a", { job: "inner", instance: address })).toHaveLength(1);
  expect(honoured.series.names()).toContain(`b{instance="${address}"}`);
});

it("rules for samples drop and change them; what they drop is scraped but not kept", async () => {
  await using target = await exposer("go_gc 1\nqueue 2\n");
  await using at = new Scraping();
  const metricRelabel = relabelRules([
    { source_labels: ["__name__"], regex: "go_.*", action: "drop" },
    { target_label: "team", replacement: "shop" },
  ]);
  await at.scrape({ job: { ...job, metricRelabel }, address: target.address });
  expect(at.series.count("go_gc")).toBe(0);
  expect(at.series.points("queue", { team: "shop" })).toHaveLength(1);
  expect(at.series.values("scrape_samples_scraped")).toEqual([2]);
  expect(at.series.values("scrape_samples_post_metric_relabeling")).toEqual([1]);
});

it("other rules for samples hold from the next scrape on; the series before them end", async () => {
  await using target = await exposer("a 1\nb 2\n");
  await using at = new Scraping();
  const address = target.address;
  await at.scrape({ job, address });
  const metricRelabel = relabelRules([
    { source_labels: ["__name__"], regex: "a", target_label: "team", replacement: "x" },
  ]);
  await at.scrape({ job: { ...job, metricRelabel }, address });
  expect(at.series.values("a", { team: "x" })).toEqual([1]);
  expect(at.series.values("a", { team: "" })).toEqual([1, "stale"]);
  expect(at.series.values("b")).toEqual([2, 2]);
});

it("the same target told again, with the same rules, is no change", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  const told = (): TargetDefinition => ({
    job: { ...job, metricRelabel: relabelRules([{ target_label: "team", replacement: "x" }]) },
    address: target.address,
  });
  await at.scrape(told());
  await at.scrape(told());
  expect(at.series.values("a")).toEqual([1, 1]);
  expect(at.series.values("scrape_series_added")).toEqual([1, 0]);
});

it("a target that runs in this process is scraped as any other", async () => {
  await using at = new Scraping();
  let body = "# TYPE a counter\na_total 5\na_created 1700000000.5\n# EOF\n";
  const definition = { job, address: "queue", collect: () => Promise.resolve(body) };
  await at.scrape(definition);
  expect(at.series.points("a_total")).toEqual([{ time: at.clock.now(), value: 5, start: 1_700_000_000_500 }]);
  body = "b 1\n";
  await at.again(definition);
  expect(at.series.values("a_total")).toEqual([5, "stale"]);
  expect(at.series.values("b", { instance: "queue" })).toEqual([1]);
});

it("a source in this process that never ends is broken off at the timeout", async () => {
  await using at = new Scraping();
  const collect = (): Promise<string> => new Promise(() => {});
  at.scraper.setTargets([{ job, address: "stuck", collect }]);
  await at.clock.advance(30_000);
  expect(at.series.values("up")).toContain(0);
  expect(at.lastError).toBe("The scrape took longer than 10000 ms and was broken off.");
});

it("a target is scraped once in every interval, always at the same place in it", async () => {
  await using at = new Scraping();
  const addresses = Array.from({ length: 20 }, (_, index) => `source-${index}`);
  at.scraper.setTargets(
    addresses.map((address) => ({ job, address, collect: () => Promise.resolve("a 1\n") })),
  );
  await at.clock.advance(60_000);
  const offsets = addresses.map((instance) => {
    const times = at.series.points("up", { instance }).map(({ time }) => time);
    expect(times).toHaveLength(4);
    const places = new Set(times.map((time) => time % 15_000));
    expect(places.size).toBe(1);
    return [...places][0];
  });
  expect(new Set(offsets).size).toBeGreaterThan(15);
});

it("a timer that fires a little early leads to no second scrape", async () => {
  class EarlyClock extends ManualClock {
    override setTimeout(callback: () => void, delay: number): Timer {
      return super.setTimeout(callback, delay - 1);
    }
  }
  const clock = new EarlyClock();
  const series = new MemorySeries();
  const scraper = new Scraper({ clock, writer: series });
  scraper.setTargets([{ job, address: "source", collect: () => Promise.resolve("a 1\n") }]);
  await clock.advance(60_000);
  await scraper.stop();
  const times = series.points("a").map(({ time }) => time);
  expect(times).toHaveLength(4);
  expect(new Set(times.map((time) => time % 15_000)).size).toBe(1);
});

it("another interval holds at once", async () => {
  await using at = new Scraping();
  const collect = (): Promise<string> => Promise.resolve("a 1\n");
  at.scraper.setTargets([{ job: { ...job, interval: 3_600_000 }, address: "source", collect }]);
  at.scraper.setTargets([{ job: { ...job, interval: 1000, timeout: 500 }, address: "source", collect }]);
  await at.clock.advance(10_000);
  expect(at.series.values("a")).toHaveLength(10);
});

it("listeners are told after each scrape, when its samples are in", async () => {
  await using at = new Scraping();
  const told: unknown[] = [];
  const stop = at.scraper.onScraped(({ labels }, time) =>
    told.push([labels.get("instance"), time === at.clock.now(), at.series.values("a")]),
  );
  const definition = { job, address: "source", collect: () => Promise.resolve("a 1\n") };
  await at.scrape(definition);
  stop();
  await at.again(definition);
  expect(told).toEqual([["source", true, [1]]]);
});

it("HELP, TYPE and UNIT are handed on, once", async () => {
  await using at = new Scraping();
  const described: string[] = [];
  const describe = at.series.describe.bind(at.series);
  at.series.describe = (metric, metadata) => {
    described.push(metric);
    describe(metric, metadata);
  };
  const collect = (): Promise<string> =>
    Promise.resolve(
      "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds Some\\ntext.\na_seconds 1\n# EOF\n",
    );
  const definition = { job, address: "source", collect };
  await at.scrape(definition);
  await at.again(definition);
  expect(described).toEqual(["a_seconds"]);
  expect(at.series.metadata.get("a_seconds")).toEqual({
    type: "gauge",
    help: "Some\ntext.",
    unit: "seconds",
  });
});

it("what is no target is told of, and the others are scraped", async () => {
  await using at = new Scraping();
  const problems = at.scraper.setTargets([
    { job, address: "bad/path" },
    { job: { ...job, timeout: 20_000 }, address: "slow" },
    { job, address: "good", collect: () => Promise.resolve("a 1\n") },
  ]);
  expect(problems.map(({ message }) => message)).toEqual([
    "http://bad/path/metrics is no URL to scrape: correct the address of the target of job 'shop'.",
    "The timeout of target 'slow' is above its interval: lower the timeout of job 'shop'.",
  ]);
  expect(at.scraper.targets().active.map(({ target }) => target.url)).toEqual(["process://good"]);
});

it("targets are listed with their state, and so are those that a rule dropped", async () => {
  await using target = await exposer("a 1\n");
  await using at = new Scraping();
  const relabel = relabelRules([{ source_labels: ["zone"], regex: "b", action: "drop" }]);
  const kept = {
    job: { ...job, relabel },
    address: target.address,
    labels: { zone: "a", __meta_owner: "shop" },
  };
  at.scraper.setTargets([kept, { ...kept, labels: { zone: "b" } }]);
  expect(at.scraper.targets().active[0]).toMatchObject({ health: "unknown", lastScrape: 0 });
  await at.again(kept);
  const { active, dropped } = at.scraper.targets();
  expect(active).toHaveLength(1);
  expect(active[0]).toMatchObject({ health: "up", lastError: "", lastScrape: at.clock.now() });
  expect(active[0]?.target.discoveredLabels.toObject()).toMatchObject({
    __meta_owner: "shop",
    __scheme__: "http",
  });
  expect(active[0]?.target.labels.toObject()).toEqual({ job: "shop", zone: "a", instance: target.address });
  expect(dropped.map(({ discoveredLabels }) => discoveredLabels.get("zone"))).toEqual(["b"]);
});
