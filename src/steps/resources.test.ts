/** Steps that work on resources, in a store in memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import type { Key, Resource } from "../model/resource.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { untilSeen } from "../workflow/step/until.ts";
import { approvalSteps } from "./approval.ts";
import { type Here, RUN, openHere } from "./fixtures/here.ts";
import { scaleSteps } from "./scale.ts";
import { waitSteps } from "./wait.ts";
import { workflowSteps } from "./workflow.ts";

let folder: string;
let here: Here;
let store: Store;
const cancelled: string[] = [];
const cause = { actor: "test", action: "test" };

async function open(): Promise<void> {
  here = await openHere({
    folder,
    store,
    steps: () => ({
      wait: waitSteps({ store }),
      scale: scaleSteps({ store }),
      approval: approvalSteps({ store }),
      workflow: workflowSteps({
        store,
        outputOf: (run) => Promise.resolve(`the output of ${run}`),
        cancel: async (run) => {
          cancelled.push(run);
          await status(
            { kind: "Run", namespace: "default", name: run.slice(8) },
            { phase: "Cancelled", reason: "its run run-1 stops" },
          );
        },
      }),
    }),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-resource-steps-"));
  store = createMemoryStore({ clock: systemClock });
  cancelled.length = 0;
  await open();
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

const key = (kind: string, name: string): Key => ({ kind, namespace: "default", name });
const api = key("Service", "api");

async function create(kind: string, name: string, spec: object): Promise<void> {
  const resource = { apiVersion: "tutti.dev/v1", kind, metadata: { name, namespace: "default" }, spec };
  await store.commit([{ type: "create", resource }], cause);
}

async function status(of: Key, given: object): Promise<void> {
  await store.commit([{ type: "status", key: of, status: given }], cause);
}

function condition(type: string, value: string, observedGeneration?: number): object {
  return {
    conditions: [
      {
        type,
        status: value,
        reason: "R",
        message: "m",
        lastTransitionTime: "",
        ...(observedGeneration === undefined ? {} : { observedGeneration }),
      },
    ],
  };
}

function seen(kind: string, holds: (resource: Resource) => boolean = () => true): Promise<Resource> {
  const look = (): Resource | undefined => store.list({ kind }).items.find(holds);
  return untilSeen(store, look, () => true, new AbortController().signal);
}

const running = (path: string): Promise<void> => logged(path, 1);

async function logged(path: string, count: number): Promise<void> {
  while ((await here.log(path)).length < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("waiting for a condition", () => {
  it("ends when a resource comes to have it, of what is declared now", async () => {
    await here.start({ a: { type: "wait", condition: "service/api Ready" } });
    await running("a");
    expect(await here.log("a")).toEqual(["Waiting for service/api, which is not there yet."]);
    await create("Service", "api", { command: "x", replicas: 1 });
    await status(api, condition("Ready", "False"));
    await status(api, condition("Ready", "True", 0));
    await logged("a", 4);
    await status(api, condition("Ready", "True", 1));
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: { type: "Ready", status: "True" } } });
  });

  it("may be for another value, or for the end of the resource", async () => {
    await create("Service", "api", { command: "x", replicas: 1 });
    await status(api, condition("Ready", "False"));
    await here.start({
      a: { type: "wait", condition: "service/api Ready=False" },
      b: { type: "wait", condition: "service/api Gone", needs: ["a"] },
    });
    await running("b");
    await store.commit([{ type: "delete", key: api }], cause);
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: { status: "False" }, b: null } });
  });

  it("ends when it is cancelled, and for a kind that there is not", async () => {
    await here.start({ a: { type: "wait", condition: "service/api Ready" } });
    await running("a");
    await here.engine.cancel(RUN, "enough", 60_000);
    expect(await here.engine.result(RUN)).toMatchObject({ is: "cancelled" });
    expect(
      await here.run({ a: { type: "wait", condition: "dragon/smaug Ready" } }, {}, "default/two"),
    ).toMatchObject({
      failure: { class: "Terminal", error: "UnknownKind" },
    });
  });
});

describe("scaling", () => {
  it("sets or adds, and the change names the run and the step", async () => {
    await create("Service", "api", { command: "x", replicas: 2 });
    const verdict = await here.run({
      a: { type: "scale", target: "service/api", by: 3 },
      b: { type: "scale", target: "service/api", replicas: "${step.a.to - 1}", needs: ["a"] },
    });
    expect(verdict).toMatchObject({ output: { a: { from: 2, to: 5 }, b: { from: 5, to: 4 } } });
    const [last] = await store.history(api);
    expect(last?.cause).toMatchObject({
      actor: "run:default/run-1",
      action: expect.stringContaining("(step b)") as string,
    });
  });

  it("adds once, though it is done again", async () => {
    await create("Service", "api", { command: "x", replicas: 2 });
    const scaling = scaleSteps({ store });
    const attempt = {
      run: RUN,
      workflow: "w",
      path: "a",
      step: { type: "scale", target: "service/api", by: 3 } as const,
      input: undefined,
      attempt: 1,
      try: 1,
      idempotencyKey: `${RUN}/a`,
      since: 0,
      signal: new AbortController().signal,
      onStop: () => undefined,
      heartbeat: () => undefined,
      log: () => undefined,
    };
    expect(await scaling.execute(attempt)).toEqual({ from: 2, to: 5 });
    expect(await scaling.execute({ ...attempt, attempt: 2 })).toEqual({ from: 2, to: 5 });
    expect(store.get(api)?.spec).toMatchObject({ replicas: 5 });
  });

  it("refuses what cannot be scaled, is not there, or less than nothing", async () => {
    await create("Service", "api", { command: "x", replicas: 2 });
    const failure = async (step: object, id: string): Promise<unknown> =>
      here.run({ a: { type: "scale", ...step } }, {}, `default/${id}`);
    expect(await failure({ target: "volume/files", by: 1 }, "one")).toMatchObject({
      failure: { error: "NotScalable" },
    });
    expect(await failure({ target: "service/web", by: 1 }, "two")).toMatchObject({
      failure: { error: "NotFound" },
    });
    expect(await failure({ target: "service/api", by: -3 }, "three")).toMatchObject({
      failure: { error: "InvalidReplicas" },
    });
  });
});

describe("running another workflow", () => {
  const steps = { a: { type: "workflow", workflow: "other", version: "sha256:1", input: { n: 1 } } };

  it("makes a run that names its cause, and gives its output", async () => {
    await here.start(steps);
    const child = await seen("Run");
    expect(child.spec).toEqual({
      workflow: "other",
      version: "sha256:1",
      parameters: { n: 1 },
      cause: { type: "run", name: "run-1" },
    });
    await status(key("Run", child.metadata.name), { phase: "Running" });
    await status(key("Run", child.metadata.name), { phase: "Succeeded", output: { done: true } });
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: { done: true } } });
  });

  it("asks for an output that is too large for a status", async () => {
    await here.start(steps);
    const { name } = (await seen("Run")).metadata;
    await status(key("Run", name), { phase: "Succeeded", outputHash: "sha256:2" });
    expect(await here.engine.result(RUN)).toMatchObject({ output: { a: `the output of default/${name}` } });
  });

  it("fails as that failed, and is a new run in the next try", async () => {
    await here.start({ a: { ...steps.a, retry: [{ errors: ["Broken"], attempts: 2, interval: "1ms" }] } });
    const first = (await seen("Run")).metadata.name;
    const failure = { class: "Retryable", error: "Broken", message: "it broke" };
    await status(key("Run", first), { phase: "Failed", failure });
    const second = (await seen("Run", ({ metadata }) => metadata.name !== first)).metadata.name;
    await status(key("Run", second), { phase: "Failed", failure: { ...failure, class: "Terminal" } });
    expect(await here.engine.result(RUN)).toMatchObject({
      failure: { class: "Terminal", error: "Broken", message: `The run ${second} failed: it broke` },
    });
  });

  it("cancels that run when it is no longer wanted", async () => {
    await here.start(steps);
    const { name } = (await seen("Run")).metadata;
    await here.engine.cancel(RUN, "enough", 60_000);
    expect(await here.engine.result(RUN)).toMatchObject({ is: "cancelled" });
    expect(cancelled).toEqual([`default/${name}`]);
  });
});

describe("asking for approval", () => {
  const steps = {
    a: {
      type: "approval",
      title: "Really?",
      subject: { version: 4 },
      assignees: ["maria"],
      quorum: 1,
      expires: "1d",
    },
  };
  const decision = { by: "maria", stage: 0, at: "", hash: "sha256:1" };

  it("makes a question, and gives the answer", async () => {
    await here.start(steps);
    const asked = await seen("Approval");
    expect(asked.spec).toMatchObject({
      title: "Really?",
      subject: { version: 4 },
      chain: [{ users: ["maria"], groups: [], quorum: 1 }],
      expires: "1d",
      run: { name: "run-1", step: "a" },
    });
    const decisions = [
      { ...decision, decision: "reject", hash: "sha256:of something else" },
      { ...decision, decision: "approve", comment: "go", form: { window: "night" } },
    ];
    await status(key("Approval", asked.metadata.name), { state: "Approved", hash: "sha256:1", decisions });
    expect(await here.engine.result(RUN)).toMatchObject({
      output: {
        a: { decision: "approve", by: "maria", comment: "go", form: { window: "night" }, decisions: [{}] },
      },
    });
  });

  it("fails when it is rejected, by whom and why, and when nobody answers in time", async () => {
    await here.start(steps);
    const { name } = (await seen("Approval")).metadata;
    const decisions = [{ ...decision, decision: "reject", comment: "not on Friday" }];
    await status(key("Approval", name), { state: "Rejected", hash: "sha256:1", decisions });
    expect(await here.engine.result(RUN)).toMatchObject({
      failure: { class: "Terminal", error: "Rejected", message: "maria rejected it: not on Friday" },
    });
    await here.start(steps, {}, "default/two");
    const other = (await seen("Approval", ({ metadata }) => metadata.name !== name)).metadata.name;
    await status(key("Approval", other), { state: "Expired" });
    expect(await here.engine.result("default/two")).toMatchObject({ failure: { error: "ApprovalExpired" } });
  });

  it("takes the question back when it is no longer wanted", async () => {
    await here.start(steps);
    await seen("Approval");
    await here.engine.cancel(RUN, "enough", 60_000);
    expect(await here.engine.result(RUN)).toMatchObject({ is: "cancelled" });
    await untilSeen(
      store,
      () => (store.list({ kind: "Approval" }).items.length === 0 ? true : undefined),
      () => true,
      new AbortController().signal,
    );
  });
});
