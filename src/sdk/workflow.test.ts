/** What the builders of workflows emit, that it can be run, and that types hold what must not compile. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { manifestOf } from "../kinds/declaration.ts";
import { type Definition, defineWorkflow } from "../workflow/definition/definition.ts";
import { openEngine } from "../workflow/engine/engine.ts";
import { elapse } from "../workflow/engine/fixtures/virtual.ts";
import { type Handler as Here, functionsHere } from "../workflow/engine/functions.ts";
import { MemoryJournal } from "../workflow/journal/memory.ts";
import type { Verdict } from "../workflow/run/events.ts";
import { type WorkflowDeclaration, cel, handler, retry, undo, undoTask, workflow, z } from "./index.ts";

const list = handler("list", { input: z.object({ day: z.string() }) }, () => ({
  names: ["a", "b"],
  total: 2,
}));
const load = handler("load", { version: "2" }, ({ name }: { name: string }) => ({ rows: name.length }));
const charge = handler("charge", ({ amount }: { amount: number }) => ({ id: `p${amount}`, ok: amount < 10 }));
const refund = handler("refund", ({ id }: { id: string }) => id);
const fails = handler("fails", () => Promise.reject(new Error("No.")));

type Spec = Readonly<Record<string, unknown>> & { readonly steps: Readonly<Record<string, unknown>> };

const specOf = (declared: WorkflowDeclaration<unknown>): Spec => {
  const { spec } = manifestOf(declared) as unknown as { readonly spec: Spec };
  return spec;
};

function definitionOf(declared: WorkflowDeclaration<unknown>): Definition {
  const { handlers: _handlers, description: _description, ...spec } = specOf(declared);
  return defineWorkflow({ name: "w", ...spec });
}

async function outcome(
  declared: WorkflowDeclaration<unknown>,
  input: unknown = {},
): Promise<Verdict & { readonly calls: readonly string[] }> {
  const clock = new ManualClock();
  const calls: string[] = [];
  const here =
    (call: (given: never) => unknown): Here =>
    (attempt) => {
      calls.push(attempt.path);
      return call(attempt.input as never);
    };
  const definition = definitionOf(declared);
  const engine = await openEngine({
    journal: new MemoryJournal(),
    clock,
    steps: {
      function: functionsHere({
        list: here((given) => list(given, undefined as never)),
        "load@2": here((given) => load(given, undefined as never)),
        charge: here((given) => charge(given, undefined as never)),
        refund: here((given) => refund(given, undefined as never)),
        fails: here((given) => fails(given, undefined as never)),
        echo: here((given) => given),
      }),
    },
    definitions: [definition],
  });
  await engine.start({ definition, id: "default/run", input });
  return { ...(await elapse(clock, engine.result("default/run"))), calls };
}

describe("a workflow in TypeScript", () => {
  const etl = workflow(
    "etl",
    { description: "Loads.", parameters: z.object({ day: z.string() }), timeout: "2h" },
    (flow) => {
      const files = flow.step("list", list, { day: flow.param.day }, { retry: retry(5), timeout: "1m" });
      const loaded = flow.map("load", files.names, (name, each) => each.step("file", load, { name }), {
        concurrency: 8,
      });
      const note = flow.pass("note", { text: `${String(files.total)} files of ${String(flow.param.day)}` });
      return { rows: loaded, note: note.text };
    },
  );

  it("is data, in which what a step reads is what it needs", () => {
    expect(manifestOf(etl)).toMatchObject({ kind: "Workflow", metadata: { name: "etl" } });
    expect(specOf(etl)).toEqual({
      description: "Loads.",
      timeout: "2h",
      handlers: import.meta.filename,
      parameters: { type: "object", properties: { day: { type: "string" } }, required: ["day"] },
      steps: {
        list: {
          type: "function",
          handler: "list",
          input: { day: "${param.day}" },
          retry: [{ errors: ["*"], attempts: 5 }],
          timeouts: { attempt: "1m" },
        },
        load: {
          type: "map",
          items: "${step.list.names}",
          concurrency: 8,
          needs: ["list"],
          body: {
            steps: { file: { type: "function", handler: "load@2", input: { name: "${item}" } } },
            output: "${step.file}",
          },
        },
        note: {
          type: "pass",
          output: { text: "${step.list.total} files of ${param.day}" },
          needs: ["list"],
        },
      },
      output: { rows: "${step.load}", note: "${step.note.text}" },
    });
  });

  it("runs as it is written", async () => {
    expect(await outcome(etl, { day: "monday" })).toMatchObject({
      is: "succeeded",
      output: { rows: [{ rows: 1 }, { rows: 1 }], note: "2 files of monday" },
      calls: ["list", "load[0].file", "load[1].file"],
    });
  });

  it("keeps an item within a map within a map", async () => {
    const nested = workflow("nested", (flow) =>
      flow.map("outer", [["a", "b"], ["c"]], (row, outer) =>
        outer.map("inner", row, (cell, inner) => ({
          cell,
          first: row[0],
          at: cel`[${outer.index}, ${inner.index}]`,
        })),
      ),
    );
    expect(await outcome(nested)).toMatchObject({
      output: [
        [
          { cell: "a", first: "a", at: [0, 0] },
          { cell: "b", first: "a", at: [0, 1] },
        ],
        [{ cell: "c", first: "c", at: [1, 0] }],
      ],
    });
  });

  it("takes the first case that holds, and gives what it gives", async () => {
    const routed = workflow("routed", { parameters: z.object({ n: z.number() }) }, (flow) => {
      const route = flow.choice("route", {
        big: [cel`${flow.param.n} > 100`, (then) => then.step("b", "echo", "big")],
        medium: [cel`${flow.param.n} > 10`, (then) => then.step("m", "echo", "medium")],
        small: (then) => then.step("s", "echo", "small"),
      });
      return flow.step("after", "echo", route);
    });
    for (const [n, expected] of [
      [1000, "big"],
      [50, "medium"],
      [1, "small"],
    ] as const) {
      const { calls, ...verdict } = await outcome(routed, { n });
      expect(verdict).toMatchObject({ output: expected });
      expect(calls).toHaveLength(2);
    }
  });

  it("undoes what was done when something fails later, and does what stands in 'finally'", async () => {
    const order = workflow("order", (flow) => {
      const paid = flow.step(
        "pay",
        charge,
        { amount: 5 },
        { compensate: (own) => undo(refund, { id: own.id }) },
      );
      flow.step("ship", fails, undefined, { after: paid });
      flow.finally((last) => last.step("tidy", "echo", "tidied"));
    });
    const { calls, ...verdict } = await outcome(order);
    expect(verdict).toMatchObject({ is: "failed" });
    expect(calls).toEqual(["pay", "ship", "pay!compensate", "!finally.tidy"]);
  });

  it("undoes with a step of any type, and tells what runs in the end why it failed", async () => {
    const release = workflow("release", (flow) => {
      const shop = flow.apply(
        "shop",
        "shop",
        { from: "shop", namespace: "production", wait: false },
        {
          compensate: (own) =>
            undoTask("apply", { system: "shop", revision: own.previous }, { retry: retry(3) }),
        },
      );
      flow.step("check", fails, undefined, {
        after: shop,
        catch: {
          Odd: (odd, otherwise) => {
            otherwise.step("note", "echo", odd.message);
            otherwise.finally((last, error) => last.step("both", "echo", { odd: odd.message, error }));
          },
        },
      });
      flow.finally((last, error) => last.step("report", "echo", { failure: error, shop: shop.revision }));
    });
    expect(specOf(release)).toMatchObject({
      steps: {
        shop: {
          type: "apply",
          compensate: {
            type: "apply",
            system: "shop",
            revision: "${step.shop.previous}",
            retry: [{ errors: ["*"], attempts: 3 }],
          },
        },
        check: {
          catch: [
            {
              do: {
                finally: {
                  steps: { both: { input: { odd: "${step.error-2.message}", error: "${error}" } } },
                },
              },
            },
          ],
        },
      },
      finally: {
        steps: { report: { input: { failure: "${error}", shop: "${step.shop.revision}" } } },
      },
    });
    expect(() => definitionOf(release)).not.toThrow();
  });

  it("does something else when a step fails, with the failure at hand", async () => {
    const caught = workflow("caught", (flow) =>
      flow.step("try", fails, undefined, {
        catch: {
          "Error | Timeout": (error, otherwise) => otherwise.step("say", "echo", { why: error.message }),
        },
      }),
    );
    expect(await outcome(caught)).toMatchObject({ output: { why: "No." } });
  });

  it("does branches at once, waits, skips and passes on", async () => {
    const several = workflow("several", (flow) => {
      const both = flow.parallel("both", [
        (one) => one.step("x", "echo", 1),
        (two) => two.step("y", charge, { amount: 50 }),
      ]);
      const pause = flow.wait("pause", "1h", { after: both });
      const extra = flow.step("extra", charge, { amount: 1 }, { when: cel`${both[1].ok}`, after: pause });
      return { first: both[0], ok: both[1].ok, extra };
    });
    expect(await outcome(several)).toMatchObject({ output: { first: 1, ok: false, extra: null } });
  });

  it("is refused where names clash, handlers come from nowhere, or an index has no map", () => {
    expect(() => workflow("x", (flow) => [flow.step("a", "echo"), flow.step("a", "echo")])).toThrow(
      "There is a step 'a' already",
    );
    expect(() => workflow("x", (flow) => flow.step("a", (() => 1) as never, null as never))).toThrow(
      "handler(...)",
    );
    expect(() => workflow("x", (flow) => flow.pass("a", flow.index))).toThrow("only within a map");
  });

  it("may be given as data", () => {
    const plain = workflow("plain", { steps: { a: { type: "pass", output: 1 } } });
    expect(specOf(plain)).toEqual({ steps: { a: { type: "pass", output: 1 } } });
  });

  it("has types: what does not fit does not compile", () => {
    workflow("typed", { parameters: z.object({ n: z.number(), name: z.string() }) }, (flow) => {
      const paid = flow.step("a", charge, { amount: flow.param.n });
      flow.step("b", refund, { id: paid.id });
      flow.step("c", refund, { id: `${String(paid.id)}-x` });
      // @ts-expect-error the reference gives a text
      flow.step("d", charge, { amount: flow.param.name });
      // @ts-expect-error there is no such member of the result
      flow.step("e", refund, { id: paid.identity });
      // @ts-expect-error there is no such parameter
      flow.step("f", refund, { id: flow.param.nothing });
      // @ts-expect-error the handler takes an amount
      flow.step("g", charge, {});
      // @ts-expect-error there is no such field of the step
      flow.task("h", "scale", { target: "service/api", replica: 1 });
      flow.task("i", "scale", { target: "service/api", replicas: flow.param.n });
      const child = workflow("child", (inner) => inner.step("x", charge, { amount: 1 }));
      const sub = flow.workflow("j", child);
      flow.step("k", refund, { id: sub.id });
      // @ts-expect-error the child gives a truth there
      flow.step("l", refund, { id: sub.ok });
    });
    expect(charge).toBeTypeOf("function");
  });
});
