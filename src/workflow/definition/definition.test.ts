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
        sub: { type: "workflow", workflow: "other", next: "ready" },
        ready: { type: "wait", condition: "service/api Ready=False", next: "ship" },
        ship: { type: "apply", system: "shop", parameters: { version: "${param.n}" }, next: "grow" },
        grow: { type: "scale", target: "service/api", by: 2, next: "infra" },
        infra: {
          type: "terraform",
          directory: "infra",
          action: "apply",
          variables: { password: "${secret.db.password}" },
          next: "hosts",
        },
        hosts: { type: "ansible", playbook: "site.yml", inventory: { all: { hosts: {} } }, next: "rows" },
        rows: {
          type: "map",
          itemsFrom: { path: "rows.csv" },
          batch: 100,
          toleratedPercentage: 5,
          body: { steps: { one: { ...call, input: "${item}" } } },
          next: "which",
        },
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

  it("includes a state that reads what no way leads from", () => {
    expect(
      codes({
        name: "w",
        start: "a",
        steps: {
          a: { ...call, input: "${step.b}", next: "b" },
          b: { ...call, input: ["${step.a}", "${step.b}"] },
        },
      }),
    ).toEqual(["UnorderedReference steps.a.input", "UnorderedReference steps.b.input[1]"]);
  });

  it("includes conditions that are not true or false, as far as the parameters' types tell", () => {
    const parameters = {
      type: "object",
      properties: { name: { type: "string" }, count: { type: "integer" }, nick: { type: "string" } },
      required: ["name", "count"],
      additionalProperties: false,
    };
    const steps = Object.fromEntries(
      [
        "param.count + 1",
        "param.name > 3",
        "param.name",
        "param.count > 2 && param.name == 'x'",
        "param.nick == null",
        "size(run.id) > 3",
        "frobnicate(param.name)",
      ].map((when, index) => [`s${index}`, { ...call, when }]),
    );
    expect(codes({ name: "w", parameters, steps })).toEqual([
      "InvalidCondition steps.s0.when",
      "InvalidCondition steps.s1.when",
      "InvalidCondition steps.s2.when",
      "InvalidCondition steps.s6.when",
    ]);
    expect(codes({ name: "w", steps: { a: { ...call, when: "1 + 2" } } })).toEqual([
      "InvalidCondition steps.a.when",
    ]);
  });

  it("includes steps beside a program", () => {
    const program = { dialect: "any", definition: {} };
    expect(codes({ name: "w", steps: {}, program })).toEqual([]);
    expect(codes({ name: "w", steps: { a: call }, output: 1, program })).toEqual([
      "ProgramAndSteps steps",
      "ProgramAndSteps output",
    ]);
  });

  it("includes a secret where it would be shown, or reckoned with", () => {
    const run = { type: "run", command: ["true"] };
    expect(
      codes({
        name: "w",
        steps: {
          good: {
            ...run,
            environment: { TOKEN: "Bearer ${secret.stripe-live.key}" },
            input: "${secret.a.b}",
          },
          shown: { ...run, command: ["login", "${secret.a.b}"] },
          reckoned: { ...run, environment: { TOKEN: "${secret.a.b + 'x'}", WHOLE: "${secret.a}" } },
          handed: { ...call, input: "${secret.a.b}" },
        },
      }),
    ).toEqual([
      "UnknownReference steps.shown.command[1]",
      "InvalidSecretReference steps.reckoned.environment.TOKEN",
      "InvalidSecretReference steps.reckoned.environment.WHOLE",
      "UnknownReference steps.handed.input",
    ]);
  });

  it("includes fields of a step that contradict each other, or say nothing", () => {
    expect(
      codes({
        name: "w",
        steps: {
          a: { type: "run", command: [], grace: "soon", exitCodes: { success: [3], retryable: [3] } },
          b: {
            type: "run",
            command: ["x"],
            class: "process",
            image: "busybox",
            resources: { memory: "lots" },
          },
          c: { type: "map", body: { steps: { one: call } } },
          d: { type: "apply", system: "shop", from: ".", resources: [] },
          e: { type: "scale", target: "api", by: 1, replicas: 2 },
          f: { type: "http", url: "example.com", method: "GET IT" },
          g: { type: "wait", condition: "api is ready" },
          h: { type: "wait", token: { steps: { tell: { ...call, input: "${token}" } } } },
          i: { ...call, input: "${token}" },
          j: { type: "approval", subject: 1, quorum: 2, chain: [{ users: ["ann"] }], onExpire: "escalate" },
        },
      }),
    ).toEqual([
      "NothingToRun steps.a.command",
      "AmbiguousExitCode steps.a.exitCodes",
      "InvalidDuration steps.a.grace",
      "ImageOfProcess steps.b.image",
      "InvalidQuantity steps.b.resources.memory",
      "AmbiguousItems steps.c",
      "AmbiguousApply steps.d",
      "InvalidTarget steps.e.target",
      "AmbiguousScale steps.e",
      "InvalidUrl steps.f.url",
      "InvalidMethod steps.f.method",
      "InvalidConditionText steps.g.condition",
      "UnknownReference steps.i.input",
      "AmbiguousApproval steps.j.chain",
      "AmbiguousExpiry steps.j.escalate",
    ]);
  });

  it("includes a schema that is none, and a field of the wrong type or name", () => {
    expect(codes({ name: "w", parameters: { type: "nonsense" }, steps: { a: call } })).toEqual([
      "InvalidSchema parameters.type",
    ]);
    expect(codes({ name: "w", steps: { a: { ...call, retries: 3 } } })).toEqual([
      "UnknownField steps.a.retries",
    ]);
    expect(codes({ name: "w", steps: { a: { type: "dance" } } })).toEqual(["InvalidValue steps.a.type"]);
    expect(codes({ name: "w", steps: { a: { type: "items", path: "/x" } } })).toEqual([
      "InvalidValue steps.a.type",
    ]);
    expect(codes({ name: "w", steps: {} })).toEqual(["NoSteps steps"]);
    const [missing] = checkWorkflow({ name: "w", steps: { a: call }, finally: { tidy: call } });
    expect(missing).toMatchObject({ code: "MissingField", path: "finally.steps" });
    expect(missing?.hint).toContain("{ steps: { NAME:");
  });

  it("includes a condition written as a template: it is told how it stands", () => {
    const [finding] = checkWorkflow({ name: "w", steps: { a: { ...call, when: "${param.x > 1}" } } });
    expect(finding).toMatchObject({
      code: "InvalidExpression",
      path: "steps.a.when",
      hint: "Write param.x > 1",
    });
  });

  it("is told, and nothing thrown, whatever the value is", () => {
    fc.assert(fc.property(fc.anything(), (value) => checkWorkflow(value).length > 0));
    let deep: unknown = call;
    for (let level = 0; level < 50_000; level++) deep = { name: "w", steps: { a: deep } };
    expect(codes(deep)).toEqual(["TooLarge"]);
  });
});
