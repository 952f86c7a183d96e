import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkWorkflow, defineWorkflow } from "./definition.ts";

const call = { type: "function", handler: "work" };
const codes = (workflow: unknown): readonly string[] =>
  checkWorkflow(workflow).map(({ code, path }) => `${code} ${path ?? ""}`.trim());

describe("a definition", () => {
  it("has the same hash for the same content, however it is written, and another for other content", () => {
    const one = defineWorkflow({ name: "w", steps: { a: call, b: { ...call, needs: ["a"] } } });
    const same = defineWorkflow({ steps: { b: { needs: ["a"], ...call }, a: call }, name: "w" });
    expect(same.hash).toBe(one.hash);
    expect(one.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(defineWorkflow({ name: "w", steps: { a: call } }).hash).not.toBe(one.hash);
  });

  it("cannot be changed, not even through what it was made from", () => {
    const source = { name: "w", steps: { a: { ...call, input: { n: 1 } } } };
    const { workflow } = defineWorkflow(source);
    source.steps.a.input.n = 2;
    expect(workflow.steps["a"]).toEqual({ ...call, input: { n: 1 } });
    expect(Object.isFrozen(workflow.steps["a"])).toBe(true);
  });

  it("may use every type of step", () => {
    const workflow = {
      name: "all",
      parameters: { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false },
      timeout: "1h",
      start: "prepare",
      steps: {
        prepare: { type: "pass", output: { n: "${param.n}" }, next: "fan" },
        fan: {
          type: "map",
          items: "${[1, 2]}",
          body: { steps: { one: { ...call, input: "${item}" } } },
          tolerated: 1,
          next: "both",
        },
        both: {
          type: "parallel",
          branches: [{ steps: { x: { type: "run", command: ["true"] } } }],
          next: "look",
        },
        look: {
          type: "http",
          url: "http://x/${param.n}",
          next: "rest",
          catch: [{ errors: ["*"], next: "lost" }],
        },
        rest: { type: "wait", duration: "5s", next: "ask" },
        ask: { type: "approval", subject: "${step.prepare}", expires: "1d", onExpire: "deny", next: "sub" },
        sub: { type: "workflow", workflow: "other", next: "which" },
        which: { type: "choice", choices: [{ when: "param.n > 3", next: "prepare" }], default: "good" },
        good: { type: "succeed", output: "${step.sub}" },
        lost: { type: "fail", error: "Lost" },
      },
      finally: { steps: { tidy: call } },
    };
    expect(codes(workflow)).toEqual([]);
  });
});

describe("what is wrong with a definition", () => {
  it("is told all at once", () => {
    expect(
      codes({
        name: "w",
        timeout: "soon",
        parameters: { type: "object", properties: { n: {} }, additionalProperties: false },
        steps: {
          a: { ...call, needs: ["b", "nobody"], input: "${param.m}" },
          b: { ...call, needs: ["a"], when: "1 +", timeouts: { attempt: "x" } },
          c: { type: "wait" },
        },
      }),
    ).toEqual([
      "InvalidDuration timeout",
      "UnknownStep steps.a.needs",
      "StepCycle steps",
      "UnknownReference steps.a.input",
      "InvalidExpression steps.b.when",
      "InvalidDuration steps.b.timeouts.attempt",
      "AmbiguousWait steps.c",
    ]);
  });

  it("names states that nothing leads to, and those that lead to no end", () => {
    expect(
      codes({
        name: "w",
        start: "a",
        steps: {
          a: { ...call, next: "b" },
          b: { ...call, next: "a" },
          island: call,
        },
      }),
    ).toEqual(["Unreachable steps.island", "Endless steps.a", "Endless steps.b"]);
  });

  it("includes reading a result that need not be there yet, and what is not there at all", () => {
    expect(
      codes({
        name: "w",
        steps: {
          a: call,
          b: { ...call, needs: ["a"] },
          c: {
            ...call,
            needs: ["b"],
            input: ["${step.a}", "${step.d}", "${step.nobody}", "${item}", "${secret.key}"],
          },
          d: call,
        },
      }),
    ).toEqual([
      "UnorderedReference steps.c.input[1]",
      "UnknownStep steps.c.input[2]",
      "UnknownReference steps.c.input[3]",
      "UnknownReference steps.c.input[4]",
    ]);
  });

  it("includes a schema that is none, and a field of the wrong type or name", () => {
    expect(codes({ name: "w", parameters: { type: "nonsense" }, steps: { a: call } })).toEqual([
      "InvalidSchema parameters",
    ]);
    expect(codes({ name: "w", steps: { a: { ...call, retries: 3 } } })).toEqual(["UnknownField steps.a"]);
    expect(codes({ name: "w", steps: { a: { type: "dance" } } })).toEqual(["InvalidField steps.a.type"]);
    expect(codes({ name: "w", steps: {} })).toEqual(["NoSteps steps"]);
  });

  it("is told, and nothing thrown, whatever the value is", () => {
    fc.assert(fc.property(fc.anything(), (value) => checkWorkflow(value).length > 0));
    let deep: unknown = call;
    for (let level = 0; level < 50_000; level++) deep = { name: "w", steps: { a: deep } };
    expect(codes(deep)).toEqual(["TooLarge"]);
  });
});
