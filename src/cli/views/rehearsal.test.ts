import { expect, it } from "vitest";
import type { Moment, Rehearsal } from "../rehearsal.ts";
import { rehearsalView } from "./rehearsal.ts";
import { plainStyle } from "./style.ts";

const moment = (address: string, text: string): Moment => ({ at: 0, type: "failed", address, text });

const rehearsal = (timeline: readonly Moment[], assumed: readonly string[]): Rehearsal => ({
  system: "shop",
  namespace: "default",
  seed: 1,
  outcome: "done",
  summary: {} as Rehearsal["summary"],
  hash: "",
  assumed,
  timeline,
  total: 0,
  mostAtOnce: 1,
  criticalPath: [],
  stops: [],
  undone: [],
  changes: [],
  warnings: [],
});

const shown = (timeline: readonly Moment[], assumed: readonly string[] = []): string =>
  rehearsalView(rehearsal(timeline, assumed), { style: plainStyle, isWhole: false });

it("says of several things what they do, and of one what it does", () => {
  const text = shown([
    moment("service/a", "has failed: no"),
    moment("service/b", "has failed: no"),
    moment("service/c", "is tried again (2)"),
    moment("service/d", "is tried again (2)"),
    moment("service/e", "begins (create)"),
  ]);
  expect(text).toContain("service/a, service/b  have failed: no");
  expect(text).toContain("service/c, service/d  are tried again (2)");
  expect(text).toContain("service/e  begins (create)");
});

it("speaks of assumptions only when there are some", () => {
  expect(shown([moment("service/a", "ready")])).not.toContain("assumed");
  expect(shown([moment("service/a", "ready")], ["x"])).toContain("assumed:\n  x");
});
