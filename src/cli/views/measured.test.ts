import { describe, expect, it } from "vitest";
import type { MeasuredSeries } from "../../provider/monitoring.ts";
import { formatCores, formatNumber, formatPercent, formatSeconds, seriesName } from "./measured.ts";
import { formatBytes } from "../../model/quantity.ts";
import { type PlotOptions, plotView } from "./plot.ts";
import { colourStyle, plainStyle } from "./style.ts";
import { type TopOptions, type TopRow, topView } from "./top.ts";

describe("measured values", () => {
  it("are short, in units that people and declarations use", () => {
    expect([0.00012346, 12_345, 2.5e9, Number.NaN, Infinity].map((value) => formatNumber(value))).toEqual([
      "0.0001235",
      "12.35k",
      "2.5G",
      "-",
      "∞",
    ]);
    expect([0.25, 0.0004, 12.5, Number.NaN].map(formatCores)).toEqual(["250m", "0m", "12.5", "-"]);
    expect([512, 3 * 2 ** 20, 1.5 * 2 ** 30].map(formatBytes)).toEqual(["512", "3Mi", "1.5Gi"]);
    expect([0.0042, 1.5].map(formatSeconds)).toEqual(["4.2ms", "1.5s"]);
    expect(formatPercent(0.99999, 5)).toBe("99.999%");
  });

  it("have names as Prometheus writes them, without what would control the terminal", () => {
    expect(seriesName({ __name__: "up", job: "a\u001b[31m" })).toBe('up{job="a"}');
    expect(seriesName({ __name__: "up" })).toBe("up");
    expect(seriesName({})).toBe("{}");
  });
});

describe("top", () => {
  const rows: readonly TopRow[] = [
    { namespace: "a", name: "api", service: "api", cpu: 0.25, memory: 2 ** 27, ready: 1, wanted: 2 },
    { namespace: "b", name: "web", service: "web", cpu: 1.5, requests: 200, errors: 20, latency: 0.012 },
  ];
  const view = (options: Partial<TopOptions> = {}): string =>
    topView(rows, { by: "service", sort: "cpu", style: plainStyle, lines: 20, ...options });

  it("shows the greatest first, what is ready of what is wanted, and a dash for what is not measured", () => {
    expect(view()).toBe(
      [
        "SERVICE  READY  CPU    MEMORY  REQ/S  ERRORS  P99",
        "web      -      1500m  -       200    10%     12ms",
        "api      1/2    250m   128Mi   -      -       -",
      ].join("\n"),
    );
    expect(view({ sort: "name" }).split("\n")[1]).toMatch(/^api/);
  });

  it("says which namespace things are of when there are several", () => {
    expect(view({ namespaces: true }).split("\n")[1]).toMatch(/^b +web/);
  });

  it("fits a small screen", () => {
    expect(view({ lines: 3, columns: 20 }).split("\n")).toEqual([
      "SERVICE  READY  CPU…",
      "web      -      150…",
      "... and 1 more",
    ]);
  });

  it("marks what fails, where there are colours", () => {
    const [, web = "", api = ""] = view({ style: colourStyle }).split("\n");
    expect(web).toContain("\u001b[31m");
    expect(api).not.toContain("\u001b[");
  });
});

describe("a plot", () => {
  const options: PlotOptions = { columns: 40, rows: 6, style: plainStyle, start: 0, end: 100_000 };
  const series = (name: string, ...values: readonly number[]): MeasuredSeries => ({
    labels: { __name__: name },
    points: values.map((value, index) => [index * 10_000, value] as const),
  });

  it("has an axis from the least to the greatest, and the last value of each series below", () => {
    const lines = plotView([series("load", 0, 5, 10)], options).split("\n");
    expect(lines[0]).toMatch(/^10 ┤/);
    expect(lines[5]).toMatch(/^ 0 ┤/);
    expect(lines.at(-1)).toMatch(/10 {2}load$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  });

  it("tells series apart by letters where there are no colours", () => {
    const text = plotView([series("one", 1, 2, 1), series("two", 2, 1, 2)], options);
    const drawn = text.split("\n").slice(0, 6).join("\n");
    expect([drawn.includes("a"), drawn.includes("b")]).toEqual([true, true]);
    expect(text).toMatch(/^a +1 {2}one$/m);
    expect(text).toMatch(/^b +2 {2}two$/m);
  });

  it("draws what never changes, and says when there is nothing to draw", () => {
    expect(plotView([series("up", 1, 1)], options)).toMatch(/^1\.1 ┤/);
    expect(plotView([series("up", Number.NaN)], options)).toContain("nothing to draw");
  });

  it("draws no more series than can be told apart", () => {
    const many = Array.from({ length: 15 }, (_one, index) => series(`s${index}`, index));
    expect(plotView(many, options)).toMatch(/and 3 more series/);
  });
});
