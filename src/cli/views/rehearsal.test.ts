import { expect, it } from "vitest";
import { type Moment, type Rehearsal, withPreflight } from "../rehearsal.ts";
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

it("says where the plan would be refused before anything of it began, and what was not asked", () => {
  const played = rehearsal([moment("service/a", "ready")], []);
  const obstacle = {
    severity: "error",
    code: "PortInUse",
    address: "service/a",
    message: "Port 80 is in use.",
    hint: "Use another.",
  } as const;
  const warning = { ...obstacle, severity: "warning", message: "Little is left." } as const;
  const refused = withPreflight(played, { pins: new Map(), obstacles: [obstacle], warnings: [warning] });
  expect(refused).toMatchObject({ outcome: "stops", warnings: [{ message: "Little is left." }] });
  expect(rehearsalView(refused, { style: plainStyle, isWhole: false })).toContain(
    "Would not begin: the plan is refused as it stands.\n  would stop at +0s: service/a: Port 80 is in use. Use another.",
  );
  expect(withPreflight(played, undefined).assumed.join()).toContain("no control plane was asked");
});
