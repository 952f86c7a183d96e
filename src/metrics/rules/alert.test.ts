import { expect, it } from "vitest";
import { Labels } from "../labels.ts";
import { type Alert, found, missed, needsSending, RESOLVED_RETENTION, sent } from "./alert.ts";

const finding = { fingerprint: "f", labels: Labels.of({ a: "b" }), annotations: {}, value: 1 };
const rule = { for: 100, keepFiringFor: 50 };

/** What becomes of an alert that is found (+) or not (-) every ten milliseconds. */
function life(observations: string, settings = rule): readonly string[] {
  let alert: Alert | undefined;
  return Array.from(observations, (observation, index) => {
    const at = index * 10;
    if (observation === "+") alert = found(alert, finding, settings, at);
    else if (alert !== undefined) alert = missed(alert, settings, at);
    return alert?.state ?? "none";
  });
}

it("an alert without `for` fires at once", () => {
  expect(life("+", { for: 0, keepFiringFor: 0 })).toEqual(["firing"]);
});

it("an alert is pending for the whole of `for` and fires then", () => {
  const states = life("+".repeat(12));
  expect(states.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => "pending"));
  expect(states.slice(10)).toEqual(["firing", "firing"]);
});

it("a pending alert that is not found is gone, and begins anew", () => {
  expect(life("+++++-++++++++++").slice(4, 8)).toEqual(["pending", "none", "pending", "pending"]);
  expect(life("+++++-++++++++++").at(-1)).toBe("pending");
});

it("a firing alert goes on firing for `keep_firing_for` and ends then", () => {
  expect(life(`${"+".repeat(11)}------`).slice(10)).toEqual([
    ...Array.from({ length: 6 }, () => "firing"),
    "inactive",
  ]);
});

it("found again within `keep_firing_for`, it has the whole time again", () => {
  expect(life(`${"+".repeat(11)}----+-----`).at(-1)).toBe("firing");
});

it("an alert that has ended begins as a new one", () => {
  const states = life(`${"+".repeat(11)}------+`);
  expect(states.slice(-2)).toEqual(["inactive", "pending"]);
});

it("an ended alert is kept for fifteen minutes", () => {
  const ended = missed(found(undefined, finding, { for: 0 }, 0), { keepFiringFor: 0 }, 10) as Alert;
  expect(ended).toMatchObject({ state: "inactive", resolvedAt: 10 });
  expect(missed(ended, rule, 10 + RESOLVED_RETENTION)).toBe(ended);
  expect(missed(ended, rule, 11 + RESOLVED_RETENTION)).toBeUndefined();
});

it("a restored alert that is not found stays as it is until its time is over", () => {
  const restored: Alert = { ...finding, state: "pending", activeAt: 0, unconfirmedUntil: 100 };
  expect(missed(restored, rule, 99)).toBe(restored);
  expect(missed(restored, rule, 100)).toBeUndefined();
  expect(found(restored, finding, rule, 100)).toMatchObject({ state: "firing", activeAt: 0, firedAt: 100 });
});

it("a firing alert is sent at once, and again after the delay; its end is sent at once", () => {
  const firing = found(undefined, finding, { for: 0 }, 0);
  expect(needsSending(firing, 0, 60)).toBe(true);
  const told = sent(firing, 0, 60, 10);
  expect(told).toMatchObject({ lastSentAt: 0, validUntil: 240 });
  expect(needsSending(told, 60, 60)).toBe(false);
  expect(needsSending(told, 61, 60)).toBe(true);
  const ended = missed(told, { keepFiringFor: 0 }, 5) as Alert;
  expect(needsSending(ended, 5, 60)).toBe(true);
  expect(needsSending(sent(ended, 5, 60, 10), 6, 60)).toBe(false);
});

it("a pending alert is never sent", () => {
  expect(needsSending(found(undefined, finding, rule, 0), 0, 60)).toBe(false);
});
