import { describe, expect, it } from "vitest";
import type { Workflow } from "../definition/workflow.ts";
import { Durations } from "./durations.ts";
import { Ranks, placeOf } from "./rank.ts";

const pass = (expected: string, more = {}): object => ({ type: "function", handler: "h", expected, ...more });
const workflow = (scope: object): Workflow => ({ name: "w", ...scope }) as Workflow;

describe("the rank of a step is the longest expected way from its begin to the end of the run", () => {
  it("in a DAG, over all that needs it", () => {
    const ranks = new Ranks(
      workflow({
        steps: {
          a: pass("1s"),
          b: pass("10s", { needs: ["a"] }),
          c: pass("2s", { needs: ["a"] }),
          d: pass("3s", { needs: ["b", "c"] }),
        },
      }),
    );
    expect(["a", "b", "c", "d"].map((path) => ranks.at(path))).toEqual([14_000, 13_000, 5000, 3000]);
  });

  it("in states, along the longest way to an end, each state of a loop once", () => {
    const ranks = new Ranks(
      workflow({
        start: "poll",
        steps: {
          poll: pass("1s", { next: "done" }),
          done: { type: "choice", choices: [{ when: "true", next: "end" }], default: "poll" },
          end: pass("5s"),
        },
      }),
    );
    expect([ranks.at("poll"), ranks.at("poll#7"), ranks.at("end")]).toEqual([6000, 6000, 5000]);
  });

  it("within maps, parallels and catches with what follows them", () => {
    const ranks = new Ranks(
      workflow({
        steps: {
          fan: {
            type: "map",
            items: [1],
            body: { steps: { x: pass("2s"), y: pass("3s", { needs: ["x"] }) } },
          },
          both: {
            type: "parallel",
            needs: ["fan"],
            branches: [{ steps: { x: pass("1s") } }, { steps: { x: pass("7s") } }],
          },
          last: pass("4s", {
            needs: ["both"],
            catch: [{ errors: ["*"], do: { steps: { fix: pass("9s") } } }],
          }),
        },
      }),
    );
    expect(ranks.at("fan")).toBe(16_000);
    expect(ranks.at("fan[12].x")).toBe(16_000);
    expect(ranks.at("fan[12].y")).toBe(14_000);
    expect([ranks.at("both[0].x"), ranks.at("both[1].x")]).toEqual([5000, 11_000]);
    expect(ranks.at("last!catch.fix")).toBe(9000);
  });

  it("takes what steps took before where nothing is expected, and a long chain is no problem", () => {
    const durations = new Durations();
    for (const took of [1000, 1000, 2000]) durations.learn("w", "s0", took);
    expect(durations.of("w", "s0")).toBeCloseTo(1300);
    const steps: Record<string, object> = {};
    for (let index = 0; index < 20_000; index++)
      steps[`s${index}`] = {
        type: "function",
        handler: "h",
        ...(index > 0 ? { needs: [`s${index - 1}`] } : {}),
      };
    const ranks = new Ranks(workflow({ steps }), (place) => durations.of("w", place));
    expect(ranks.at("s0")).toBeCloseTo(19_999 * 1000 + 1300);
  });
});

it("a place is a path without items and visits", () => {
  expect(placeOf("fan[3].poll#2!catch.fix")).toBe("fan[].poll!catch.fix");
});
