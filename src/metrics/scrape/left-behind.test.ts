import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import { instantQuery } from "../promql/engine.ts";
import { memorySeries } from "../series/memory.ts";
import { LeftBehind } from "./left-behind.ts";
import { Scraper } from "./scraper.ts";
import type { TargetDefinition } from "./target.ts";

/** A store that is kept, and scrapers one after the other: each is gone without a word when the next one begins. */
class World {
  readonly clock = new ManualClock();
  readonly series = memorySeries();
  leftBehind!: LeftBehind;
  scraper!: Scraper;

  begin(): void {
    const leftBehind = new LeftBehind({
      clock: this.clock,
      series: this.series,
      scraped: [matcher("owner", "=", "us")],
    });
    this.leftBehind = leftBehind;
    this.scraper = new Scraper({ clock: this.clock, writer: leftBehind.writer });
    this.scraper.onScraped((target) => leftBehind.scraped(target));
  }

  setTargets(...targets: readonly TargetDefinition[]): void {
    this.scraper.setTargets(targets);
    this.leftBehind.look(this.scraper);
  }

  async measure(...targets: readonly TargetDefinition[]): Promise<void> {
    this.setTargets(...targets);
    for (const target of targets) await this.scraper.scrapeNow(target);
    await this.leftBehind.settled();
  }

  /** Killed, and another one is there a moment later. */
  async restart(): Promise<void> {
    await this.scraper.stop();
    await this.clock.advance(1_000);
    this.begin();
  }

  write(labels: Readonly<Record<string, string>>): void {
    this.series.write([{ labels: Labels.of(labels), time: this.clock.now(), value: 1 }]);
  }

  found(name: string): number {
    const { value } = instantQuery(this.series, name, this.clock.now());
    return value.type === "vector" ? value.samples.length : 0;
  }
}

function target(
  name: string,
  text: () => string,
  own: Partial<TargetDefinition["job"]> = {},
): TargetDefinition {
  return {
    job: { name, interval: 15_000, timeout: 10_000, ...own },
    address: name,
    labels: { owner: "us" },
    collect: () => Promise.resolve(text()),
  };
}

function newWorld(): World {
  const world = new World();
  world.begin();
  return world;
}

it("what a target has no more after a restart ends, and so does all of a target that is gone", async () => {
  const world = newWorld();
  let text = "kept 1\nlost 1\n";
  const stays = target("stays", () => text);
  await world.measure(
    stays,
    target("goes", () => "gone 1\n"),
  );
  await world.restart();
  expect([world.found("kept"), world.found("lost"), world.found("gone")]).toEqual([1, 1, 1]);
  text = "kept 2\n";
  await world.measure(stays);
  expect([world.found("kept"), world.found("lost"), world.found("gone")]).toEqual([1, 0, 0]);
  expect(world.found("up")).toBe(1);
});

it("nothing ends before every target has been looked at, or was taken away", async () => {
  const world = newWorld();
  const [one, slow] = [target("one", () => "a 1\n"), target("slow", () => "b 1\n")];
  await world.measure(
    one,
    slow,
    target("gone", () => "c 1\n"),
  );
  await world.restart();
  world.setTargets(one, slow);
  await world.scraper.scrapeNow(one);
  expect([world.found("a"), world.found("b"), world.found("c")]).toEqual([1, 1, 1]);
  world.setTargets(one);
  await world.leftBehind.settled();
  expect([world.found("a"), world.found("b"), world.found("c")]).toEqual([1, 0, 0]);
});

it("what bears times of its own, from before the restart, goes on", async () => {
  const world = newWorld();
  const at = world.clock.now();
  const cached = target("cached", () => `cached 1 ${at}\n`);
  await world.measure(cached);
  await world.restart();
  await world.measure(cached);
  expect(world.found("cached")).toBe(1);
});

it("what others write goes on: rules, and whoever writes from elsewhere", async () => {
  const world = newWorld();
  world.write({ __name__: "remote", job: "elsewhere" });
  world.write({ __name__: "owner:a:sum", owner: "us" });
  await world.restart();
  await world.measure(target("one", () => "a 1\n"));
  expect([world.found("remote"), world.found("owner:a:sum")]).toEqual([1, 1]);
});
