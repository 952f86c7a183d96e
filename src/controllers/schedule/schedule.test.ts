/** Schedules in virtual time, on a store in memory; runs are ended by the test. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { type Run, hasEnded } from "../../controller/runs.ts";
import { type ScheduleStatus, askForRuns, nameOfEvent, scheduleOf } from "../../controller/schedules.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import { type Draft, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { scheduleController } from "./index.ts";

/** Of a slow machine. */
const PATIENCE = { timeout: 20_000 };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const cause = { actor: "user:test", action: "test" };
const KEY: Key = { kind: "Schedule", namespace: "default", name: "s" };

let clock: ManualClock;
let store: Store;
let runtime: Runtime;
let cancelled: string[];

beforeEach(async () => {
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  store = createMemoryStore({ clock });
  cancelled = [];
  await create("Workflow", "w", { steps: { a: { type: "pass" } } });
  begin();
});
afterEach(() => runtime.stop());

function begin(): void {
  runtime = new Runtime(store, { clock });
  const runs = new IndexView<Run>("Run", scheduleOf);
  runtime.addView(runs);
  runtime.addController(
    scheduleController({
      store,
      clock,
      runs,
      cancel: async (run, reason) => {
        cancelled.push(run.metadata.name);
        await status(run, { phase: "Stopping", reason });
      },
    }),
  );
  runtime.start();
}

async function create(kind: string, name: string, spec: object, more: object = {}): Promise<void> {
  const { resource, diagnostics } = validate({
    kind,
    metadata: { name },
    ...more,
    ...(kind === "ConfigMap" ? {} : { spec }),
  });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  await store.commit([{ type: "create", resource }], cause);
}

async function change(spec: object): Promise<void> {
  const { resource } = validate({
    kind: "Schedule",
    metadata: { name: "s" },
    spec: { workflow: "w", ...spec },
  });
  await store.commit([{ type: "update", resource: resource as Draft }], cause);
  await clock.advance(0);
}

async function status(resource: Resource, fields: object): Promise<void> {
  const key = keyOf(resource);
  const now = store.get(key);
  await store.commit([{ type: "status", key, status: { ...(now?.status as object), ...fields } }], cause);
}

async function schedule(spec: object): Promise<void> {
  await create("Schedule", "s", { workflow: "w", ...spec });
  await clock.advance(0);
}

const runs = (): readonly Run[] => store.list({ kind: "Run" }).items as readonly Run[];
const names = (): readonly string[] => runs().map(({ metadata }) => metadata.name);
const times = (): readonly string[] => runs().map(({ spec }) => spec.cause?.time ?? "");
const current = (): Resource & { readonly status: ScheduleStatus } =>
  store.get(KEY) as Resource & { readonly status: ScheduleStatus };

async function endAll(phase = "Succeeded"): Promise<void> {
  for (const run of runs()) if (!hasEnded(run)) await status(run, { phase });
  await clock.advance(0);
}

/** Runs end as soon as they are made. */
async function passEnding(duration: number, step: number): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    await clock.advance(step);
    await endAll();
  }
}

describe("rules", () => {
  it("run at their times, named after them, and never twice", async () => {
    await schedule({ rules: [{ cron: "0 3 * * *" }] });
    expect(names()).toEqual([]);
    await passEnding(2 * DAY, 12 * HOUR);
    expect(names()).toEqual(["s-20260101t030000z", "s-20260102t030000z"]);
    expect(runs()[0]?.spec).toMatchObject({
      workflow: "w",
      cause: { type: "schedule", name: "s", time: "2026-01-01T03:00:00.000Z" },
    });
  });

  it("tell their next ten times", async () => {
    await schedule({ rules: [{ cron: "0 3 * * *" }] });
    expect(current().status.next).toHaveLength(10);
    expect(current().status.next?.[0]).toBe("2026-01-01T03:00:00.000Z");
    expect(conditionOf(current(), "Ready")?.message).toBe("The next time is 2026-01-01T03:00:00.000Z.");
  });

  it("go through a year with its two clock changes, once each day", async () => {
    await schedule({ rules: [{ cron: "30 2 * * *" }], timeZone: "Europe/Berlin" });
    await passEnding(365 * DAY, DAY);
    expect(names()).toHaveLength(365);
    expect(times()).toContain("2026-03-29T01:00:00.000Z"); // 02:30 does not show: 03:00 there
    expect(times()).toContain("2026-10-25T00:30:00.000Z"); // shows twice: the first
    expect(times().filter((time) => time.startsWith("2026-10-25"))).toHaveLength(1);
  });

  it("leave out days of calendars, also of a ConfigMap", async () => {
    await create(
      "ConfigMap",
      "days",
      {},
      { data: { "holidays.yaml": "dates: [{annual: '01-02', name: Rest}]" } },
    );
    await schedule({
      rules: [{ cron: "0 3 * * *" }],
      calendars: { exclude: ["holidays"], configMap: "days" },
    });
    await vi.waitFor(() => expect(conditionOf(current(), "Ready")?.status).toBe("True"), PATIENCE);
    await passEnding(3 * DAY, DAY);
    expect(times().map((time) => time.slice(0, 10))).toEqual(["2026-01-01", "2026-01-03"]);
  });

  it("are invalid while their ConfigMap is missing, and mend when it comes", async () => {
    await schedule({ rules: [{ cron: "0 3 * * *" }], calendars: { exclude: ["h"], configMap: "days" } });
    expect(conditionOf(current(), "Ready")).toMatchObject({ status: "False", reason: "Invalid" });
    await create("ConfigMap", "days", {}, { data: { h: "weekdays: [SU]" } });
    await vi.waitFor(() => expect(conditionOf(current(), "Ready")?.status).toBe("True"), PATIENCE);
  });
});

describe("a control plane that was down", () => {
  const DOWN = 3 * DAY + HOUR;

  async function downFor(missed: object): Promise<void> {
    await schedule({ rules: [{ cron: "0 12 * * *" }], missed });
    await passEnding(DAY, DAY);
    await runtime.stop();
    await clock.advance(DOWN);
    begin();
    await clock.advance(0);
    await endAll();
  }

  it("makes up for the last time only, unless told otherwise, and says which it left out", async () => {
    await downFor({ run: "last" });
    expect(times().map((time) => time.slice(0, 10))).toEqual(["2026-01-01", "2026-01-04"]);
    expect(current().status.missed?.[0]).toMatchObject({ from: "2026-01-02T12:00:00.000Z" });
  });

  it("makes up for none", async () => {
    await downFor({ run: "none" });
    expect(names()).toHaveLength(1);
  });

  it("makes up for all", async () => {
    await downFor({ run: "all", atMost: 10 });
    await endAll();
    await endAll();
    expect(times().map((time) => time.slice(0, 10))).toEqual([
      "2026-01-01",
      "2026-01-02",
      "2026-01-03",
      "2026-01-04",
    ]);
  });

  it("finds nothing to do when it starts again at once", async () => {
    await downFor({ run: "last" });
    const before = names();
    await runtime.stop();
    begin();
    await clock.advance(0);
    expect(names()).toEqual(before);
  });
});

describe("a schedule that is changed", () => {
  it("does not make up for times of its new rules that are past", async () => {
    await schedule({ rules: [{ cron: "0 3 1 * *" }] });
    await passEnding(10 * DAY, DAY);
    expect(names()).toHaveLength(1);
    await change({ rules: [{ every: "1h" }] });
    expect(names()).toHaveLength(1);
    await passEnding(2 * HOUR, HOUR);
    expect(names()).toHaveLength(3);
  });

  it("runs nothing while it is suspended, nor for the times meanwhile", async () => {
    await schedule({ rules: [{ cron: "0 3 * * *" }], suspend: true });
    await clock.advance(5 * DAY);
    expect(names()).toEqual([]);
    await change({ rules: [{ cron: "0 3 * * *" }] });
    expect(names()).toEqual([]);
    await clock.advance(DAY);
    expect(names()).toEqual(["s-20260106t030000z"]);
  });
});

describe("while a run still runs, the next one", () => {
  const hourly = { rules: [{ every: "1h" }] };

  it("waits, and starts when there is room", async () => {
    await schedule(hourly);
    await clock.advance(3 * HOUR);
    expect(names()).toHaveLength(1);
    expect(current().status.waiting).toHaveLength(2);
    await endAll();
    expect(names()).toHaveLength(2);
    await endAll();
    expect(names()).toHaveLength(3);
    expect(current().status.waiting).toEqual([]);
  });

  it("is skipped", async () => {
    await schedule({ ...hourly, concurrency: { policy: "skip" } });
    await clock.advance(3 * HOUR);
    expect(names()).toHaveLength(1);
    expect(current().status.missed).toHaveLength(2);
    expect(current().status.missed?.[0]?.why).toBe("1 of its runs are still running");
  });

  it("takes its place, once it has stopped", async () => {
    await schedule({ ...hourly, concurrency: { policy: "cancel" } });
    await clock.advance(2 * HOUR);
    expect(cancelled).toEqual(["s-20260101t010000z"]);
    expect(names()).toHaveLength(1);
    await endAll("Cancelled");
    expect(names()).toEqual(["s-20260101t010000z", "s-20260101t020000z"]);
  });

  it("starts beside it", async () => {
    await schedule({ ...hourly, concurrency: { policy: "allow" } });
    await clock.advance(3 * HOUR);
    expect(names()).toHaveLength(3);
  });
});

describe("what something asks for", () => {
  const entry = (id: string, event: object): Parameters<typeof askForRuns>[0]["entries"][number] => ({
    time: new Date(clock.now()).toISOString(),
    run: nameOfEvent("s", "hook", id),
    type: "trigger",
    trigger: "hook",
    event,
  });
  const trigger = { name: "hook", condition: "service/api Ready" };
  const ask = (id: string, event: object = {}): ReturnType<typeof askForRuns> =>
    askForRuns({ store, schedule: KEY, entries: [entry(id, event)], cause });

  it("is a run with what was seen in its parameters", async () => {
    await schedule({
      triggers: [trigger],
      parameters: { file: "in/${event.name}", count: "${event.n + 1}" },
    });
    expect(await ask("1", { name: "a.csv", n: 41 })).toBe("queued");
    await clock.advance(0);
    expect(runs()[0]?.spec).toMatchObject({
      parameters: { file: "in/a.csv", count: 42 },
      cause: { type: "trigger", event: { name: "a.csv" } },
    });
  });

  it("is asked for once, however often", async () => {
    await schedule({ triggers: [trigger], concurrency: { policy: "allow" } });
    expect(await ask("1")).toBe("queued");
    expect(await ask("1")).toBe("known");
    await clock.advance(0);
    expect(await ask("1")).toBe("known");
    expect(await ask("2")).toBe("queued");
    await clock.advance(0);
    expect(names()).toHaveLength(2);
  });

  it("of one moment are as many runs", async () => {
    await schedule({ triggers: [trigger], concurrency: { policy: "allow" } });
    await Promise.all(["1", "2", "3"].map((id) => ask(id)));
    await clock.advance(0);
    expect(names()).toHaveLength(3);
  });

  it("is left out, and told, when its parameters cannot be worked out", async () => {
    await schedule({ triggers: [trigger], parameters: { n: "${event.missing.deep}" } });
    await ask("1");
    await clock.advance(0);
    expect(names()).toEqual([]);
    expect(current().status.missed?.[0]?.why).toMatch(/^The parameters of s-hook-\w+ cannot be worked out/);
    expect(store.list({ kind: "Event" }).items).toHaveLength(1);
  });

  it("is refused while the schedule is suspended", async () => {
    await schedule({ triggers: [trigger], suspend: true });
    expect(await ask("1")).toBe("suspended");
  });
});

describe("parameters that the workflow does not take", () => {
  it("are a condition before a run fails because of them, but for what is worked out then", async () => {
    await store.commit(
      [{ type: "delete", key: { kind: "Workflow", namespace: "default", name: "w" } }],
      cause,
    );
    const parameters = {
      type: "object",
      properties: {
        n: { type: "integer" },
        at: { type: "integer" },
        region: { type: "string", default: "eu" },
      },
      required: ["n", "region"],
    };
    await create("Workflow", "w", { parameters, steps: { a: { type: "pass" } } });
    await schedule({ rules: [{ cron: "0 3 * * *" }], parameters: { n: "x", at: "${event.time}" } });
    const ready = (): unknown => conditionOf(current(), "Ready");
    await vi.waitFor(
      () =>
        expect(ready()).toMatchObject({
          status: "False",
          reason: "InvalidParameters",
          message: "Its runs will fail. InvalidParameters: n: It must be a whole number, not a text.",
        }),
      PATIENCE,
    );
    await change({ rules: [{ cron: "0 3 * * *" }], parameters: { n: 1, at: "${event.time}" } });
    await vi.waitFor(() => expect(ready()).toMatchObject({ status: "True", reason: "Scheduled" }), PATIENCE);
  });
});

describe("a deadline", () => {
  it("is the next time that the clock shows it", async () => {
    await schedule({
      rules: [{ cron: "0 3 * * *" }],
      timeZone: "Europe/Berlin",
      deadline: { time: "06:00" },
    });
    await clock.advance(DAY);
    expect(runs()[0]?.spec.deadline).toBe("2026-01-01T05:00:00.000Z");
  });

  it("is so long after the nominal time", async () => {
    await schedule({ rules: [{ cron: "0 3 * * *" }], deadline: { after: "90m" } });
    await clock.advance(DAY);
    expect(runs()[0]?.spec.deadline).toBe("2026-01-01T04:30:00.000Z");
  });
});
