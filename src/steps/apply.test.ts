/** Steps that declare systems, in a store in memory; what a control plane does to them is written by hand. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import type { Key, Resource } from "../model/resource.ts";
import { load } from "../sdk/load.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { untilSeen } from "../workflow/step/until.ts";
import { applySteps } from "./apply.ts";
import { type Here, RUN, keyring, openHere } from "./fixtures/here.ts";

let folder: string;
let here: Here;
let store: Store;
const cause = { actor: "test", action: "test" };

async function open(): Promise<void> {
  here = await openHere({
    folder,
    store,
    steps: () => ({
      apply: applySteps({ store, keyring, load: (path, values) => load(path, { values, env: {} }) }),
    }),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-apply-step-"));
  store = createMemoryStore({ clock: systemClock });
  await open();
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

const key = (kind: string, name: string): Key => ({ kind, namespace: "default", name });
const api = key("Service", "api");

async function status(of: Key, given: object): Promise<void> {
  await store.commit([{ type: "status", key: of, status: given }], cause);
}

/** Of the rollout of what is declared first. */
function rollout(reason: string, message: string): object {
  const at = { lastTransitionTime: "", observedGeneration: 1 };
  return { conditions: [{ type: "Progressing", status: "False", reason, message, ...at }] };
}

function seen(kind: string, holds: (resource: Resource) => boolean = () => true): Promise<Resource> {
  const look = (): Resource | undefined => store.list({ kind }).items.find(holds);
  return untilSeen(store, look, () => true, new AbortController().signal);
}

async function running(path: string): Promise<void> {
  while ((await here.log(path)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

const manifest = `kind: System
metadata: { name: shop }
spec: { parameters: { n: { type: integer, default: 1 } } }
---
kind: Service
metadata: { name: api }
spec: { command: "sleep 1", replicas: "\${param.n}" }
`;

const succeed = async (): Promise<Resource> => {
  const change = await seen("Change", (one) => one.status === undefined);
  await status(key("Change", change.metadata.name), { state: "Succeeded" });
  return change;
};

it("declares it from a folder, waits for its Change, and names run and step as the cause", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  await here.start({ a: { type: "apply", system: "shop", from: folder, parameters: { n: 3 } } });
  const change = await succeed();
  expect(await here.engine.result(RUN)).toMatchObject({
    output: { a: { change: "shop-1", revision: 1, plan: { summary: { create: 2 }, text: "2 to create" } } },
  });
  expect(change.spec).toMatchObject({ actor: "run:default/run-1" });
  expect(store.get(key("System", "shop"))?.spec).toMatchObject({ values: { n: 3 } });
  const [created] = await store.history(api);
  expect(created?.cause.action).toContain("(step a)");
});

it("changes only parameters of what is declared already; nothing to do is done", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  await here.start({
    a: { type: "apply", system: "shop", from: folder },
    b: { type: "apply", system: "shop", parameters: { n: 5 }, needs: ["a"] },
    c: { type: "apply", system: "shop", parameters: { n: 5 }, needs: ["b"] },
  });
  await succeed();
  await succeed();
  expect(await here.engine.result(RUN)).toMatchObject({
    output: {
      b: { change: "shop-2", revision: 2, plan: { text: expect.stringContaining("to update") as string } },
      c: { change: null, revision: 2, plan: { text: "nothing to do" } },
    },
  });
  expect(store.get(key("System", "shop"))?.spec).toMatchObject({ values: { n: 5 } });
});

it("fails with a rollout that went back, and with what is wrong with the declaration", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  await here.start({ a: { type: "apply", system: "shop", from: folder } });
  await seen("Change");
  await status(api, rollout("RolledBack", "It crashes."));
  expect(await here.engine.result(RUN)).toMatchObject({
    failure: { error: "RolloutFailed", message: "service/api: It crashes." },
  });
  writeFileSync(join(folder, "tutti.yaml"), manifest.replace("command", "comand"));
  expect(
    await here.run({ a: { type: "apply", system: "shop", from: folder } }, {}, "default/two"),
  ).toMatchObject({ failure: { class: "Terminal", message: expect.stringContaining("comand") as string } });
  expect(await here.run({ a: { type: "apply", system: "nope" } }, {}, "default/three")).toMatchObject({
    failure: { class: "Terminal", error: "UnknownSystem" },
  });
});

it("does it in a namespace of its own, and says where the system is to be reached", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  const change = seen("Change");
  await here.start({ a: { type: "apply", system: "shop", from: folder, namespace: "staging" } });
  expect((await change).metadata.namespace).toBe("staging");
  const urls = ["http://127.0.0.1:8080/"];
  await status({ kind: "System", namespace: "staging", name: "shop" }, { urls });
  await status({ kind: "Change", namespace: "staging", name: "shop-1" }, { state: "Succeeded" });
  expect(await here.engine.result(RUN)).toMatchObject({
    output: { a: { revision: 1, previous: null, addresses: urls } },
  });
});

it("plans without a change; the plan that was agreed to is carried out, and no other", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  const plan = { type: "apply", system: "shop", from: folder, dryRun: true };
  await here.start({
    plan,
    go: { type: "apply", system: "shop", from: folder, plan: "${step.plan.plan.hash}", needs: ["plan"] },
    again: { ...plan, parameters: { n: 2 }, needs: ["go"] },
    other: {
      type: "apply",
      system: "shop",
      from: folder,
      parameters: { n: 3 },
      plan: "${step.again.plan.hash}",
      needs: ["again"],
      catch: [
        {
          errors: ["StalePlan"],
          do: { steps: { a: { type: "pass", output: "${error}" } }, output: "${error}" },
        },
      ],
    },
  });
  await succeed();
  const { output } = (await here.engine.result(RUN)) as { output: Record<string, unknown> };
  expect(output["plan"]).toMatchObject({
    change: null,
    revision: 0,
    previous: null,
    plan: { text: "2 to create" },
  });
  expect(output["go"]).toMatchObject({ change: "shop-1" });
  const steps = [{ action: "update", address: "system/shop", changes: ["spec.values.n"] }];
  expect(output["again"]).toMatchObject({
    revision: 1,
    previous: 1,
    plan: { steps: expect.arrayContaining(steps) as object },
  });
  expect(output["other"]).toMatchObject({ error: "StalePlan", class: "Terminal" });
  expect(store.list({ kind: "Change" }).items).toHaveLength(1);
});

it("is done once it is committed when nobody waits; what comes of it is waited for later, and undone", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  const undo = { type: "apply", system: "shop", revision: "${step.b.previous}" };
  await here.start({
    a: { type: "apply", system: "shop", from: folder },
    b: { type: "apply", system: "shop", parameters: { n: 5 }, wait: false, compensate: undo, needs: ["a"] },
    c: { type: "apply", system: "shop", needs: ["b"] },
  });
  await succeed();
  const change = await seen("Change", (one) => one.metadata.name === "shop-2");
  await running("c");
  await status(api, rollout("RolloutFailed", "It crashes."));
  const back = await seen("Change", (one) => one.metadata.name === "shop-3");
  expect(back.spec).toMatchObject({ action: "rollback", plan: { toRevision: 1 } });
  await status(api, { conditions: [] });
  await status(key("Change", change.metadata.name), { state: "Superseded" });
  await status(key("Change", "shop-3"), { state: "Succeeded" });
  expect(await here.engine.result(RUN)).toMatchObject({ failure: { error: "RolloutFailed" } });
  expect(store.get(key("System", "shop"))?.spec).not.toMatchObject({ values: { n: 5 } });
});

it("goes back to what was before its first try, and not back to nothing", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  await here.start({
    a: { type: "apply", system: "shop", from: folder },
    b: {
      type: "apply",
      system: "shop",
      parameters: { n: 5 },
      needs: ["a"],
      retry: [{ errors: ["RolloutFailed"], attempts: 2, interval: "1ms" }],
    },
    c: { type: "apply", system: "shop", revision: "${step.a.previous}", needs: ["b"] },
  });
  await succeed();
  await seen("Change", (one) => one.metadata.name === "shop-2");
  await status(api, rollout("RolloutFailed", "It crashes."));
  await status(api, { conditions: [] });
  await status(key("Change", "shop-2"), { state: "Succeeded" });
  expect(await here.engine.result(RUN)).toMatchObject({
    failure: { class: "Terminal", error: "NoRevision" },
  });
  const { result } = (await here.engine.state(RUN)).steps.get("b") ?? {};
  expect(result).toMatchObject({ revision: 2, previous: 1 });
});

it("finds its Change again after the control plane was killed", async () => {
  writeFileSync(join(folder, "tutti.yaml"), manifest);
  const steps = { a: { type: "apply", system: "shop", from: folder } };
  await here.start(steps);
  await seen("Change");
  await here.close();
  await open();
  await succeed();
  expect(await here.engine.result(RUN)).toMatchObject({ output: { a: { change: "shop-1" } } });
  expect(store.list({ kind: "Change" }).items).toHaveLength(1);
});

it("waits for who has to approve it, by the policy of the system, and is rejected with it", async () => {
  const asking = manifest.replace(
    "spec: { parameters:",
    "spec: { changes: { approval: { chain: [{ users: [maria] }] } }, parameters:",
  );
  writeFileSync(join(folder, "tutti.yaml"), asking);
  await here.start({ a: { type: "apply", system: "shop", from: folder } });
  const change = await seen("Change");
  expect(change).toMatchObject({ spec: { approval: "shop-1" }, status: { state: "Pending" } });
  expect(store.get(key("Approval", "shop-1"))?.spec).toMatchObject({ requester: "run:default/run-1" });
  expect(store.get(api)).toBeUndefined();
  await status(key("Change", "shop-1"), { state: "Rejected", message: "maria rejected it." });
  expect(await here.engine.result(RUN)).toMatchObject({
    failure: {
      class: "Terminal",
      error: "ApprovalRejected",
      message: expect.stringContaining("maria rejected it.") as string,
    },
  });

  await here.start({ a: { type: "apply", system: "shop", from: folder } }, {}, "default/two");
  await seen("Change", ({ metadata }) => metadata.name === "shop-2");
  await status(key("Change", "shop-2"), { state: "Succeeded" });
  expect(await here.engine.result("default/two")).toMatchObject({ output: { a: { change: "shop-2" } } });
});
