/** Triggers that look for themselves, on a store in memory, with real files. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import type { Run } from "../../controller/runs.ts";
import type { ScheduleStatus, WaitingRun } from "../../controller/schedules.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import type { Key } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { checkTriggers } from "./check.ts";
import type { Trigger, TriggeredSchedule } from "./fire.ts";
import { lookersOf, triggerController } from "./index.ts";
import { SeenFiles } from "./seen.ts";

/** Of a slow machine. */
const PATIENCE = { timeout: 20_000 };

const cause = { actor: "user:test", action: "test" };
const KEY: Key = { kind: "Schedule", namespace: "default", name: "s" };

let folder: string;
let inbox: string;
let clock: ManualClock;
let store: Store;
let runtime: Runtime;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tutti-triggers-"));
  inbox = join(folder, "inbox");
  mkdirSync(inbox);
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  store = createMemoryStore({ clock });
  begin();
});
afterEach(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

function begin(): void {
  runtime = new Runtime(store, { clock });
  const runs = new IndexView<Run>("Run", (run) => `default/${(run as Run).spec.workflow}`);
  const schedules = new IndexView<TriggeredSchedule>("Schedule", lookersOf);
  runtime.addView(runs);
  runtime.addView(schedules);
  const seen = new SeenFiles(join(folder, "seen"));
  runtime.addController(triggerController({ store, clock, runs, schedules, seen }));
  runtime.start();
}

async function restart(): Promise<void> {
  await runtime.stop();
  begin();
}

async function create(kind: string, name: string, spec: object, status?: object): Promise<void> {
  const { resource, diagnostics } = validate({ kind, metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  await store.commit(
    [{ type: "create", resource: { ...resource, ...(status === undefined ? {} : { status }) } }],
    cause,
  );
}

async function become(kind: string, name: string, status: object): Promise<void> {
  await store.commit([{ type: "status", key: { kind, namespace: "default", name }, status }], cause);
}

const schedule = (trigger: object): Promise<void> =>
  create("Schedule", "s", { workflow: "w", triggers: [{ name: "t", ...trigger }] });
const status = (): ScheduleStatus | undefined => store.get(KEY)?.status as ScheduleStatus | undefined;
const asked = (): readonly WaitingRun[] => status()?.waiting ?? [];

/** What was asked for is done, and forgotten by the schedule. */
async function served(): Promise<void> {
  await become("Schedule", "s", { ...status(), waiting: [] });
}

/** Time passes, with real looks at files in between. */
async function look(): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    await clock.advance(2000);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function put(name: string, content = "x", age = 60): void {
  const path = join(inbox, name);
  writeFileSync(path, content);
  const at = clock.now() / 1000 - age;
  utimesSync(path, at, at);
}

const events = (): readonly unknown[] => asked().map(({ event }) => event);

describe("a file", () => {
  const trigger = { file: { directory: "/", pattern: "*.csv" } };
  beforeEach(() => void (trigger.file.directory = inbox));

  it("that comes starts a run, with its path", async () => {
    await schedule(trigger);
    await look();
    put("a.csv");
    put("b.txt");
    await vi.waitFor(async () => {
      await look();
      expect(events()).toMatchObject([{ name: "a.csv", path: join(inbox, "a.csv"), size: 1 }]);
    }, PATIENCE);
  });

  it("starts one run only, also after a restart", async () => {
    put("a.csv");
    await schedule(trigger);
    await vi.waitFor(async () => {
      await look();
      expect(asked()).toHaveLength(1);
    }, PATIENCE);
    await served();
    await restart();
    await look();
    expect(asked()).toEqual([]);
    put("b.csv");
    await vi.waitFor(async () => {
      await look();
      expect(events()).toMatchObject([{ name: "b.csv" }]);
    }, PATIENCE);
  });

  it("counts once it has not changed for a while", async () => {
    put("a.csv", "half", -1_000_000);
    await schedule(trigger);
    await look();
    expect(asked()).toEqual([]);
  });

  it("that changes counts again, if so asked", async () => {
    put("a.csv");
    await schedule({ file: { ...trigger.file, on: "changed" } });
    await vi.waitFor(async () => {
      await look();
      expect(asked()).toHaveLength(1);
    }, PATIENCE);
    put("a.csv", "longer");
    await vi.waitFor(async () => {
      await look();
      expect(asked()).toHaveLength(2);
    }, PATIENCE);
  });

  it("that `when` is false for starts nothing, now and later", async () => {
    put("small.csv");
    put("large.csv", "xxxxxxxxxx");
    await schedule({ ...trigger, when: "event.size > 5" });
    await vi.waitFor(async () => {
      await look();
      expect(events()).toMatchObject([{ name: "large.csv" }]);
    }, PATIENCE);
  });
});

describe("a condition", () => {
  const ready = (value: string, at: string): object => ({
    conditions: [{ type: "Ready", status: value, reason: "R", message: "M.", lastTransitionTime: at }],
  });
  beforeEach(() => create("Service", "api", { command: "true" }, ready("False", "2026-01-01T00:00:00Z")));

  it("that becomes so starts a run, each time", async () => {
    await schedule({ condition: "service/api Ready" });
    await vi.waitFor(() => expect(status()?.seen).toEqual({ t: "False" }), PATIENCE);
    await become("Service", "api", ready("True", "2026-01-01T00:01:00Z"));
    await vi.waitFor(
      () => expect(events()).toMatchObject([{ resource: "service/api", status: "True" }]),
      PATIENCE,
    );
    await become("Service", "api", ready("False", "2026-01-01T00:02:00Z"));
    await vi.waitFor(() => expect(status()?.seen).toEqual({ t: "False" }), PATIENCE);
    await become("Service", "api", ready("True", "2026-01-01T00:03:00Z"));
    await vi.waitFor(() => expect(asked()).toHaveLength(2), PATIENCE);
  });

  it("that came and went while nobody looked, and came again, starts one", async () => {
    await become("Service", "api", ready("True", "2026-01-01T00:00:30Z"));
    await schedule({ condition: "service/api Ready" });
    await vi.waitFor(
      () => expect(status()?.seen).toEqual({ t: "True since 2026-01-01T00:00:30Z" }),
      PATIENCE,
    );
    expect(asked()).toEqual([]);
    await runtime.stop();
    await become("Service", "api", ready("True", "2026-01-01T00:05:00Z"));
    begin();
    await vi.waitFor(() => expect(asked()).toHaveLength(1), PATIENCE);
  });
});

describe("an alert", () => {
  const labels = { alertname: "Down", severity: "critical" };
  const spec = { labels, rule: { name: "Down", digest: "d" }, fingerprint: "f" };

  it("that fires starts a run, once each time it does", async () => {
    await schedule({ alert: { labels: { alertname: "Down" } } });
    await create("Alert", "one", spec, { state: "firing", firedAt: "2026-01-01T00:01:00.000Z" });
    await vi.waitFor(() => expect(events()).toMatchObject([{ alert: labels, state: "firing" }]), PATIENCE);
    await served();
    await become("Alert", "one", { state: "firing", firedAt: "2026-01-01T00:01:00.000Z", value: "2" });
    await become("Alert", "one", { state: "firing", firedAt: "2026-01-01T00:09:00.000Z" });
    await vi.waitFor(() => expect(asked()).toHaveLength(1), PATIENCE);
  });

  it("with other labels starts none", async () => {
    await schedule({ alert: { labels: { alertname: "Slow" } } });
    await create("Alert", "one", spec, { state: "firing", firedAt: "2026-01-01T00:01:00.000Z" });
    await clock.advance(1000);
    expect(asked()).toEqual([]);
  });
});

describe("the end of another workflow's run", () => {
  const ended = (phase: string): object => ({
    phase,
    endedAt: "2026-01-01T00:01:00.000Z",
    output: { rows: 7 },
  });

  it("starts a run with its output, once", async () => {
    await schedule({ workflow: { name: "load" } });
    await create("Run", "r", { workflow: "load" });
    await become("Run", "r", ended("Succeeded"));
    await vi.waitFor(
      () => expect(events()).toMatchObject([{ run: "r", phase: "Succeeded", output: { rows: 7 } }]),
      PATIENCE,
    );
    await served();
    await restart();
    await clock.advance(1000);
    expect(asked()).toEqual([]);
  });

  it("is left alone when it ended otherwise", async () => {
    await schedule({ workflow: { name: "load", phases: ["Failed"] } });
    await create("Run", "r", { workflow: "load" });
    await become("Run", "r", ended("Succeeded"));
    await clock.advance(1000);
    expect(asked()).toEqual([]);
  });
});

describe("a trigger that cannot work", () => {
  const codesOf = (trigger: object): readonly (string | undefined)[] =>
    checkTriggers({ workflow: "w", triggers: [{ name: "t", ...trigger } as Trigger] }).map(
      ({ path }) => path,
    );

  it("is refused with where it is wrong", () => {
    expect(codesOf({ condition: "what" })).toEqual(["spec.triggers[0].condition"]);
    expect(codesOf({ condition: "nothing/api Ready" })).toEqual(["spec.triggers[0].condition"]);
    expect(codesOf({ condition: "service/api Ready", when: "param.x > 1" })).toEqual([
      "spec.triggers[0].when",
    ]);
    expect(codesOf({ condition: "service/api Ready", when: "event. >" })).toEqual(["spec.triggers[0].when"]);
    expect(codesOf({ workflow: { name: "w", phases: ["Failed"] } })).toEqual(["spec.triggers[0].workflow"]);
    expect(codesOf({ condition: "service/api Ready", when: "event.reason == 'x'" })).toEqual([]);
  });
});

describe("what was dealt with", () => {
  it("is known again by who opens the file, but for a line that a crash tore off", async () => {
    const path = join(folder, "known");
    const seen = await new SeenFiles(path).of("u");
    await seen.add("t", ["one", "two"]);
    const [name = ""] = (await import("node:fs")).readdirSync(path);
    (await import("node:fs")).appendFileSync(join(path, name), '["t","thr');
    const again = await new SeenFiles(path).of("u");
    expect([again.has("t", "one"), again.has("t", "two"), again.has("t", "thr")]).toEqual([
      true,
      true,
      false,
    ]);
    await again.add("t", ["three"]);
    expect((await new SeenFiles(path).of("u")).has("t", "three")).toBe(true);
  });
});
