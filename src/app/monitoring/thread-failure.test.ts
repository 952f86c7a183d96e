/** A monitoring thread that fails: the control plane goes on, and so does monitoring. */
import { afterEach, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { group, Monitoring, target } from "./fixtures/monitoring.ts";
import type { Sabotage } from "./fixtures/sabotage.ts";

let monitoring: Monitoring;
afterEach(() => monitoring.close());

const starts = (): number => monitoring.lines.filter((line) => line.startsWith("error: ")).length;

it.each<Sabotage>(["throw", "throw nothing", "run out of memory", "exit"])(
  "one that ends (%s) is started again and measures what was declared",
  async (way) => {
    monitoring = new Monitoring();
    await monitoring.open();
    expect(await monitoring.found("example")).toEqual([1]);
    monitoring.text = "later 2\n";
    monitoring.fail(way);
    expect(await monitoring.found("later")).toEqual([2]);
    if (way !== "exit") expect(starts()).toBe(1);
  },
);

it("pending alerts keep their times in the next one", async () => {
  monitoring = new Monitoring();
  await monitoring.open();
  const rules = [{ alert: "Always", expr: "vector(1)", for: "1h" }];
  await monitoring.thread.setGroups([{ name: "one", groups: [{ name: "g", interval: "1s", rules }] }]);
  await vi.waitFor(() => expect(monitoring.records).not.toEqual([]), { timeout: 60_000 });
  const [pending] = monitoring.records;
  monitoring.restored = [pending!];
  monitoring.fail("exit");
  await vi.waitFor(
    async () => {
      const answer = await monitoring.thread.prometheus({
        method: "GET",
        path: "/api/v1/alerts",
        query: "",
        headers: {},
        body: new Uint8Array(),
      });
      expect(String(answer.body)).toContain(new Date(pending!.activeAt).toISOString().slice(0, 22));
    },
    { timeout: 60_000 },
  );
});

it("one that hangs is ended: calls under way are refused with a sentence, later ones wait for the next", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock });
  await monitoring.open();
  monitoring.fail("hang");
  const refused = expect(monitoring.thread.query("vector(1)")).rejects.toThrow(
    "Monitoring has ended unexpectedly and starts again; ask again in a moment.",
  );
  await clock.advance(70_000);
  await refused;
  const waiting = monitoring.thread.query("vector(3)");
  await clock.advance(1_000);
  expect(await waiting).toMatchObject([{ value: 3 }]);
});

it("one that answers is left alone however long it runs", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock });
  await monitoring.open();
  for (let beat = 0; beat < 20; beat += 1) {
    await clock.advance(10_000);
    await monitoring.thread.query("vector(1)");
  }
  expect(monitoring.lines).toEqual([]);
});

it("one that hangs is ended in a stop when patience is over, and nobody waits for it any more", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock });
  await monitoring.open();
  monitoring.fail("hang");
  const refused = expect(monitoring.thread.query("vector(1)")).rejects.toThrow("Monitoring has stopped.");
  const stopped = monitoring.thread.stop();
  await clock.advance(10_000);
  await stopped;
  await refused;
  await expect(monitoring.thread.query("vector(1)")).rejects.toThrow("Monitoring has stopped.");
});

it("one that fails at every start is tried ever more rarely, and can be stopped in between", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock, program: new URL("./fixtures/broken-main.ts", import.meta.url) });
  monitoring.thread.start("http://127.0.0.1:1");
  const waiting = expect(monitoring.thread.query("vector(1)")).rejects.toThrow("Monitoring has stopped.");
  for (const [failures, delay] of [500, 1_000, 2_000].entries()) {
    await vi.waitFor(() => expect(monitoring.ends).toBe(failures + 1), { timeout: 60_000 });
    await clock.advance(delay - 1);
    expect(monitoring.begins).toBe(failures + 1);
    await clock.advance(1);
    expect(monitoring.begins).toBe(failures + 2);
  }
  await monitoring.thread.stop();
  await waiting;
});

it("with a head start for others, the first question starts it; settings do not", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock, headStart: 2_000 });
  monitoring.thread.start("http://127.0.0.1:1");
  const given = monitoring.thread.setTargets([]);
  expect(monitoring.begins).toBe(0);
  expect(await monitoring.thread.query("vector(1)")).toMatchObject([{ value: 1 }]);
  await given;
  await clock.advance(2_000);
  expect(monitoring.begins).toBe(1);
});

it("with a head start for others, it starts by itself after that, and never when it is stopped before", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock, headStart: 2_000 });
  monitoring.thread.start("http://127.0.0.1:1");
  await clock.advance(2_000);
  expect(monitoring.begins).toBe(1);
  const other = new Monitoring({ clock, headStart: 2_000 });
  other.thread.start("http://127.0.0.1:1");
  await other.close();
  await clock.advance(2_000);
  expect(other.begins).toBe(0);
});

it("a setting that is refused is not what the next one gets", async () => {
  monitoring = new Monitoring();
  await monitoring.open();
  await expect(monitoring.thread.setRouting({ route: {} })).rejects.toThrow();
  monitoring.fail("exit");
  await expect(monitoring.found("vector(1)")).resolves.toEqual([1]);
  await vi.waitFor(() => expect(monitoring.begins).toBe(2), { timeout: 20_000 });
  expect(monitoring.lines.filter((line) => line.includes("refused a setting"))).toEqual([]);
});

it("what was set last while none was open is what the next one has", async () => {
  monitoring = new Monitoring();
  const settings = [
    monitoring.thread.setTargets([group(target({ instance: "old" }))]),
    monitoring.thread.setTargets([group(target({ instance: "new" }))]),
  ];
  monitoring.thread.start("http://127.0.0.1:1");
  await Promise.all(settings);
  expect(await monitoring.found('example{instance="new"}')).toEqual([1]);
  expect(await monitoring.thread.query('up{instance="old"}')).toEqual([]);
});

it("a request over HTTP is told so when no thread can be started", async () => {
  const clock = new ManualClock();
  monitoring = new Monitoring({ clock, program: new URL("./fixtures/broken-main.ts", import.meta.url) });
  monitoring.thread.start("http://127.0.0.1:1");
  const request = { method: "GET", path: "/api/v1/alerts", query: "", headers: {}, body: new Uint8Array() };
  const answer = monitoring.thread.prometheus(request);
  await clock.advance(11_000);
  expect(await answer).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
});
