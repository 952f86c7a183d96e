/** Runs as people see them: golden texts, with and without room. */
import { describe, expect, it } from "vitest";
import type { Run, StepView } from "../../client/workflows.ts";
import { runDetailView } from "./run-detail.ts";
import { drawn, runGraphView, stepLine } from "./run-graph.ts";
import { runLines } from "./run-lines.ts";
import { scheduledView } from "./scheduled.ts";
import { plainStyle, width } from "./style.ts";

const START = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

function step(path: string, phase: StepView["phase"], more: Partial<StepView> = {}): StepView {
  const isOver = phase === "succeeded" || phase === "failed" || phase === "cancelled";
  return {
    path,
    name: path,
    phase,
    attempts: 1,
    lost: 0,
    since: at(0),
    at: at(1),
    ...(isOver ? { endedAt: at(1) } : {}),
    ...more,
  };
}

function run(status: Run["status"] = { phase: "Running", startedAt: at(0) }): Run {
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Run",
    metadata: {
      name: "order-x7k2p9",
      namespace: "default",
      uid: "u",
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: at(0),
    },
    spec: { workflow: "order", parameters: { id: 7 } },
    ...(status === undefined ? {} : { status }),
  };
}

const options = { style: plainStyle, columns: 80, now: START + 10_000 };
const busy = { class: "Retryable", error: "Busy", message: "the bank is busy" } as const;

describe("the graph of a run", () => {
  it("is drawn in the order of dependency, with what is done, is at work, waits and is ahead", () => {
    const outline = [
      { name: "ship", needs: ["charge", "pack"] },
      { name: "reserve", needs: [] },
      { name: "charge", needs: ["reserve"] },
      { name: "pack", needs: ["reserve"] },
    ];
    const steps = [
      step("pack", "running", { since: at(2), at: at(2) }),
      step("reserve", "succeeded"),
      step("charge", "backoff", { attempts: 3, lost: 1, at: at(14), failure: busy }),
    ];
    expect(runGraphView(run(), steps, { ...options, outline })).toBe(
      `order-x7k2p9  order  running  10.0s  1/4 steps
  ✓ reserve                        1.0s
  … charge    3 attempts, 1 lost  10.0s  again in 4s: Busy: the bank is busy
  ● pack                           8.0s
  · ship                                 needs charge, pack`,
    );
  });

  it("counts the items of a map, and lists those that failed; how many there are only where that is known", () => {
    const items = Array.from({ length: 40 }, (_, index) =>
      step(`fan[${index}].one`, index < 20 ? "succeeded" : index < 23 ? "running" : "queued"),
    );
    const failed = step("fan[7].one", "failed", { failure: busy });
    const steps = [...items.filter(({ path }) => path !== "fan[7].one"), failed];
    expect(runGraphView(run(), steps, options)).toBe(
      `order-x7k2p9  order  running  10.0s  20/40 steps so far
  ● fan        20 done  10.0s  3 at work, 17 waiting, 1 failed
    ✗ [7].one            1.0s  Busy: the bank is busy`,
    );
    const whole = step("fan", "running", { items: { total: 200, done: 20, failed: 1 } });
    expect(runGraphView(run(), [whole, ...steps], options)).toBe(
      `order-x7k2p9  order  running  10.0s  20/40 steps so far
  ● fan        █░░░░░░░░░ 20/200  10.0s  3 at work, 17 waiting, 1 failed
    ✗ [7].one                      1.0s  Busy: the bank is busy`,
    );
  });

  it("knows that a map is over by what needs it", () => {
    const outline = [
      { name: "fan", needs: [] },
      { name: "sum", needs: [], isInline: true },
      { name: "after", needs: ["fan"] },
    ];
    const items = Array.from({ length: 8 }, (_, index) => step(`fan[${index}].one`, "succeeded"));
    expect(runGraphView(run(), items, { ...options, outline })).toMatch(/0\/2 steps\n {2}✓ fan +8 done/);
    const steps = [...items, step("after", "running")];
    expect(runGraphView(run(), steps, { ...options, outline })).toMatch(/1\/2 steps\n {2}✓ fan +█{10} 8\/8/);
  });

  it("puts branches, what catches, undoes and tidies under what it belongs to", () => {
    const steps = [
      step("both[0].a", "succeeded"),
      step("both[1].b", "succeeded"),
      step("pay", "failed", { failure: busy }),
      step("pay!catch.refund", "succeeded"),
      step("both[0].a!compensate", "succeeded", { since: at(5), endedAt: at(46) }),
      step("!finally.tidy", "succeeded"),
      step("after", "succeeded", { reusedFrom: "default/order-a/after" }),
    ];
    expect(runGraphView(run({ phase: "Succeeded", startedAt: at(0), endedAt: at(2) }), steps, options)).toBe(
      `order-x7k2p9  order  succeeded  2.0s  7/7 steps
  ✓ both             1.0s
    ✓ [0].a          1.0s
      ✓ compensate  41.0s
    ✓ [1].b          1.0s
  ✗ pay              1.0s  Busy: the bank is busy
    ✓ catch          1.0s
      ✓ refund       1.0s
  = after            1.0s  as in order-a
  ✓ finally          1.0s
    ✓ tidy           1.0s`,
    );
  });

  it("fits into a narrow terminal, whatever stands in it", () => {
    const steps = [
      step("a".repeat(90), "failed", { failure: { ...busy, message: "\u001b[31mvery\nlong ".repeat(40) } }),
      step("approve", "running", { waitingFor: "The decision of an approval." }),
    ];
    const text = runGraphView(run(), steps, { ...options, columns: 40 });
    const [, ...lines] = text.split("\n");
    expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(44);
    // oxlint-disable-next-line no-control-regex -- that none is there
    expect(text).not.toMatch(/\u001b/);
  });

  it("says each change on a line of its own where nobody sits at a terminal", () => {
    const waits = step("go", "running", { waitingFor: "The signal 'go'." });
    expect(stepLine(waits, options)).toBe("… go  waits for: the signal 'go'");
    expect(stepLine(step("pay", "failed", { attempts: 2, failure: busy }), options)).toBe(
      "✗ pay  (2 attempts)  Busy: the bank is busy",
    );
  });

  it("sums the items of a map up in one line there, beside the first that failed", () => {
    const items = Array.from({ length: 20_000 }, (_, index) =>
      step(`fan[${index}].one`, index < 100 ? "failed" : "running", index < 100 ? { failure: busy } : {}),
    );
    const steps = [step("go", "succeeded"), ...items];
    expect(runLines(drawn(run(), steps, []), options).map(({ text }) => text)).toEqual([
      "✓ go",
      "● fan  100 done, 19900 at work, 100 failed",
      "✗ fan[0].one  Busy: the bank is busy",
      "✗ fan[1].one  Busy: the bank is busy",
      "✗ fan[2].one  Busy: the bank is busy",
    ]);
  });
});

it("all of a failed run says why, with the last of its log, and what to do", () => {
  const failure = { ...busy, step: "charge" };
  const failed = run({ phase: "Failed", startedAt: at(0), endedAt: at(3), failure });
  const steps = [step("charge", "failed", { failure: busy })];
  expect(runDetailView(failed, steps, { ...options, log: ["asking the bank", "503"] })).toBe(
    `order-x7k2p9  order  failed  3.0s  1/1 steps
  ✗ charge    1.0s  Busy: the bank is busy

Parameters
  id: 7

error: order-x7k2p9 failed after 3s at the step charge.
  Busy (Retryable): the bank is busy
  The last it wrote:
    asking the bank
    503
  → Do again what failed, with what is done already: tutti fork order-x7k2p9
  → All it wrote: tutti logs run/order-x7k2p9 --step charge

Of it
  Began       2026-01-01T00:00:00.000Z
  Ended       2026-01-01T00:00:03.000Z`,
  );
});

it("a run that has not begun says what it waits for; one that never began is not to be forked", () => {
  const message = "Waiting for workflow/order, which does not exist.";
  const condition = { type: "Ready", status: "False", reason: "UnknownWorkflow", message } as const;
  const queued = run({ phase: "Queued", conditions: [{ ...condition, lastTransitionTime: at(0) }] });
  expect(runDetailView(queued, [], { ...options, log: [] })).toContain(message);
  const refused = run({ phase: "Failed", endedAt: at(0), failure: { ...busy, error: "InvalidParameters" } });
  expect(runDetailView(refused, [], { ...options, log: [] })).not.toContain("tutti fork");
});

it("times of a schedule are told by the clock there, with what is left out and why", () => {
  const times = [
    {
      time: at(7200),
      local: "2026-01-01T03:00:00+01:00[Europe/Berlin]",
      why: ["02:30 does not exist that day"],
      omitted: [{ local: "2026-01-01T02:30:00", why: "it is a holiday" }],
    },
  ];
  expect(scheduledView(times, START)).toBe(
    `TIME                                   IN     WHY
(2026-01-01 02:30)                            not run: it is a holiday
2026-01-01 03:00 +01:00 Europe/Berlin  in 2h  02:30 does not exist that day`,
  );
});
