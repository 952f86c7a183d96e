import { expect, it } from "vitest";
import { type StepEvent, failed } from "./events.ts";
import { apply, emptyRun } from "./state.ts";
import { stepViews } from "./step-view.ts";

it("a step that was stopped while it waited is cancelled, whatever its journal calls it; one that failed says of what", () => {
  const run = emptyRun();
  apply(run, { type: "RunCreated", workflow: "w", definition: "d", input: {}, at: 0 });
  apply(run, { type: "RunStarted", at: 0 });
  const failing = (step: string, error: string, message: string): readonly StepEvent[] => [
    { type: "StepQueued", step, at: 1 },
    { type: "StepClaimed", step, worker: "w", epoch: 1, until: 9, at: 2 },
    { type: "StepFailed", step, epoch: 1, failure: failed("Retryable", error, message), at: 3 },
  ];
  for (const event of [
    ...failing("paid", "Stopped", "The scope of this step has ended."),
    ...failing("ship", "Stopped", "The lorry stands still."),
  ])
    apply(run, event);
  const [paid, ship] = stepViews(run, undefined);
  expect(paid).toMatchObject({ path: "paid", phase: "cancelled" });
  expect(paid).not.toHaveProperty("failure");
  expect(ship).toMatchObject({ phase: "failed", failure: { message: "The lorry stands still." } });
});
