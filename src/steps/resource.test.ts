/** Steps that make, change, remove and list resources, in a store in memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import { validate } from "../kinds/validate.ts";
import type { Key, Resource } from "../model/resource.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { TaskError } from "../workflow/engine/step-type.ts";
import { untilSeen } from "../workflow/step/until.ts";
import { type Here, RUN, keyring, openHere } from "./fixtures/here.ts";
import { resourceSteps } from "./resource.ts";

let folder: string;
let here: Here;
let store: Store;
const cause = { actor: "test", action: "test" };
const key = (kind: string, name: string): Key => ({ kind, namespace: "default", name });
const nightly = { kind: "Backup", metadata: { name: "nightly" }, spec: { database: "orders" } };
const create = { type: "resource", action: "create", manifest: nightly, until: "Ready", failOn: ["Failed"] };

async function open(): Promise<void> {
  here = await openHere({
    folder,
    store,
    steps: () => ({
      resource: resourceSteps({
        store,
        // What the control plane admits is app/admit-resource.test.ts.
        admit: (_kind, manifest, { current }) => {
          const { resource, diagnostics } = validate({ ...current, ...manifest });
          if (resource === undefined)
            return Promise.reject(
              new TaskError("Invalid", diagnostics[0]?.message ?? "", { terminal: true }),
            );
          return Promise.resolve(resource);
        },
      }),
    }),
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-resource-step-"));
  store = createMemoryStore({ clock: systemClock });
  await open();
});
afterEach(async () => {
  await here.close();
  rmSync(folder, { recursive: true, force: true });
});

function seen(of: Key): Promise<Resource> {
  return untilSeen(
    store,
    () => store.get(of),
    () => true,
    new AbortController().signal,
  );
}

async function become(of: Key, status: string, reason: string): Promise<void> {
  const condition = { type: "Ready", status, reason, message: `It is ${reason}.`, lastTransitionTime: "" };
  await store.commit([{ type: "status", key: of, status: { conditions: [condition] } }], cause);
}

it("makes a resource, waits for its condition, and gives it with its status but for secrets", async () => {
  await here.start({ a: create });
  const made = await seen(key("Backup", "nightly"));
  expect(made.spec).toMatchObject({ database: "orders", verify: true });
  await store.commit(
    [{ type: "status", key: key("Backup", "nightly"), status: { url: keyring.seal("hunter2") } }],
    cause,
  );
  await become(key("Backup", "nightly"), "False", "Running");
  const ready = [{ type: "Ready", status: "True", reason: "Verified", message: "", lastTransitionTime: "" }];
  const status = { conditions: ready, bytes: 7, url: keyring.seal("hunter2") };
  await store.commit([{ type: "status", key: key("Backup", "nightly"), status }], cause);
  expect(await here.engine.result(RUN)).toMatchObject({
    output: {
      a: {
        name: "nightly",
        namespace: "default",
        resource: { kind: "Backup", status: { bytes: 7, url: "(secret)" } },
      },
    },
  });
  const [last] = (await store.history(key("Backup", "nightly"))).slice(-1);
  expect(last?.cause).toMatchObject({ actor: `run:${RUN}`, action: "create (step a)" });
});

it("fails for good for a reason that is one of those named, and when it is deleted meanwhile", async () => {
  await here.start({ a: create });
  await seen(key("Backup", "nightly"));
  await become(key("Backup", "nightly"), "False", "Failed");
  expect(await here.engine.result(RUN)).toMatchObject({
    failure: {
      class: "Terminal",
      error: "Failed",
      message: "backup/nightly will not be Ready: It is Failed.",
    },
  });
  await store.commit([{ type: "delete", key: key("Backup", "nightly") }], cause);
  await here.start({ a: create }, {}, "default/two");
  await seen(key("Backup", "nightly"));
  await store.commit([{ type: "delete", key: key("Backup", "nightly") }], cause);
  expect(await here.engine.result("default/two")).toMatchObject({ failure: { error: "ResourceGone" } });
});

it("finds what it made after the control plane was killed, and makes nothing over what others made", async () => {
  await here.start({ a: create });
  await seen(key("Backup", "nightly"));
  await here.close();
  await open();
  await become(key("Backup", "nightly"), "True", "Verified");
  expect(await here.engine.result(RUN)).toMatchObject({ is: "succeeded" });
  expect(await here.run({ a: create }, {}, "default/two")).toMatchObject({
    failure: { class: "Terminal", error: "AlreadyExists" },
  });
});

it("gives what has no name one that follows from the step", async () => {
  const manifest = { ...nightly, metadata: { labels: { by: "me" } } };
  const step = { type: "resource", action: "create", manifest };
  const { output } = (await here.run({ make: step })) as unknown as { output: { make: { name: string } } };
  expect(output.make.name).toMatch(/^run-1-make-[0-9a-f]{10}$/);
});

it("changes what is there when it is to apply, and does nothing when it is so already", async () => {
  await store.commit([{ type: "create", resource: draft("nightly", { timeout: "1h" }) }], cause);
  const step = { type: "resource", action: "apply", manifest: nightly };
  await here.run({ a: step });
  const after = store.get(key("Backup", "nightly"));
  expect(after?.spec).toMatchObject({ timeout: "6h" });
  await here.run({ a: step }, {}, "default/two");
  expect(store.get(key("Backup", "nightly"))?.metadata.resourceVersion).toBe(after?.metadata.resourceVersion);
});

it("does not remove what is protected, and says who may change that", async () => {
  const held = draft("nightly", {});
  const metadata = { ...held.metadata, annotations: { "tutti.dev/protect": "true" } };
  await store.commit([{ type: "create", resource: { ...held, metadata } }], cause);
  const remove = { type: "resource", action: "delete", target: "backup/nightly" };
  expect(await here.run({ a: remove })).toMatchObject({
    is: "failed",
    failure: { error: "Protected", message: expect.stringContaining("cannot be deleted") as string },
  });
  expect(store.get(key("Backup", "nightly"))).toBeDefined();
});

it("removes what is there, waits until it is gone, and is done when there is nothing", async () => {
  const held = draft("nightly", {});
  const metadata = { ...held.metadata, finalizers: ["test/held"] };
  await store.commit([{ type: "create", resource: { ...held, metadata } }], cause);
  const remove = { type: "resource", action: "delete", target: "backup/nightly" };
  await here.start({ a: remove });
  const leaving = await untilSeen(
    store,
    () => (store.get(key("Backup", "nightly"))?.metadata.deletionTimestamp === undefined ? undefined : true),
    () => true,
    new AbortController().signal,
  );
  expect(leaving).toBe(true);
  await store.commit([{ type: "update", resource: held }], cause);
  expect(await here.engine.result(RUN)).toMatchObject({ output: { a: { resource: null } } });
  expect(await here.run({ a: remove }, {}, "default/two")).toMatchObject({ is: "succeeded" });
});

it("lists those of a kind with certain labels, the newest first", async () => {
  for (const name of ["a", "b", "c"])
    await store.commit([{ type: "create", resource: draft(name, {}, { odd: String(name !== "b") }) }], cause);
  const { output } = (await here.run({
    all: { type: "resource", action: "list", kind: "Backup", labels: { odd: "true" } },
  })) as unknown as { output: { all: { items: readonly Resource[] } } };
  expect(output.all.items.map(({ metadata }) => metadata.name)).toEqual(["c", "a"]);
});

it("refuses kinds and namespaces that there are not", async () => {
  const refused = async (more: object, id: string): Promise<unknown> =>
    here.run({ a: { ...create, ...more } }, {}, `default/${id}`);
  expect(await refused({ manifest: { ...nightly, kind: "Dragon" } }, "one")).toMatchObject({
    failure: { class: "Terminal", error: "UnknownKind" },
  });
  expect(await refused({ namespace: "nowhere" }, "two")).toMatchObject({
    failure: { class: "Terminal", error: "UnknownNamespace" },
  });
  expect(await refused({ manifest: { ...nightly, spec: { databse: "x" } } }, "three")).toMatchObject({
    failure: { class: "Terminal", error: "Invalid" },
  });
});

function draft(name: string, spec: object, labels: Readonly<Record<string, string>> = {}): Resource {
  const manifest = { ...nightly, metadata: { name, namespace: "default", labels } };
  return validate({ ...manifest, spec: { ...nightly.spec, ...spec } }).resource as Resource;
}
