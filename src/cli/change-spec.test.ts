import { afterEach, beforeEach, expect, it } from "vitest";
import type { Client, KindName } from "../client/client.ts";
import { kindNamed } from "../kinds/registry.ts";
import type { ControlPlaneAccess } from "./environment.ts";
import { type Bench, startBench, tutti } from "./fixtures/terminal.ts";

const key = { kind: "Service", namespace: "default", name: "web" };
const kind = kindNamed("Service") as KindName;
const cause = { actor: "controller:test", action: "meddle" };

let bench: Bench;
let client: Client;
beforeEach(async () => {
  bench = await startBench();
  client = await bench.access.start();
  const spec = { command: "one", replicas: 3 };
  await client.create(kind, { apiVersion: "tutti.dev/v1", kind: "Service", metadata: { name: "web" }, spec });
  await client.patch(kind, "web", { spec: { command: "two" } });
});
afterEach(async () => {
  client.close();
  await bench.close();
});

/** Whoever comes in between: `meddle` is called after a command has read and before each of its writes arrives. */
function meddled(meddle: (count: number) => Promise<unknown>): ControlPlaneAccess {
  let count = 0;
  const connect = async (): Promise<Client> => {
    const connected = await bench.access.start();
    const patch = connected.patch.bind(connected);
    return Object.assign(connected, {
      patch: async (...given: Parameters<Client["patch"]>) => {
        await meddle((count += 1));
        return patch(...given);
      },
    });
  };
  return { ...bench.access, connect, start: connect };
}

function spec(): unknown {
  return bench.store.get(key)?.spec;
}

const writeStatus = async (count: number): Promise<unknown> =>
  bench.store.commit([{ type: "status", key, status: { replicas: count } }], cause);

it.each([
  ["scale web +2 --no-wait", { command: "two", replicas: 5 }],
  ["rollout undo web --no-wait", { command: "one", replicas: 3 }],
  ["rollout undo web --to 1 --no-wait", { command: "one", replicas: 3 }],
  ["rollout restart web --no-wait", { command: "two", replicas: 3 }],
])("a status written in between does not stop it: %s", async (words, expected) => {
  const { code, err } = await tutti(words, meddled(writeStatus));
  expect(code, err).toBe(0);
  expect(spec()).toMatchObject(expected);
});

it("what is relative is worked out anew from what others declared in between", async () => {
  const others = meddled(async (count) => count === 1 && client.scale(kind, "web", 10));
  expect(await tutti("scale web +2 --no-wait -o json", others)).toMatchObject({ code: 0 });
  expect(spec()).toMatchObject({ replicas: 12 });
});

it("the number of replicas may change in between: it is not what is undone", async () => {
  const others = meddled(async (count) => count === 1 && client.scale(kind, "web", 7));
  expect((await tutti("rollout undo web --no-wait", others)).code).toBe(0);
  expect(spec()).toMatchObject({ command: "one", replicas: 7 });
});

it("another content declared in between is not undone in place of the one that was seen", async () => {
  const others = meddled(
    async (count) => count === 1 && client.patch(kind, "web", { spec: { command: "three" } }),
  );
  expect(await tutti("rollout undo web --no-wait", others)).toMatchObject({
    code: 5,
    err: expect.stringContaining("has been changed meanwhile, so nothing was undone") as unknown,
  });
  expect(spec()).toMatchObject({ command: "three" });
});

it("others who change the declaration each time make it give up, with nothing changed", async () => {
  const others = meddled(async (count) => client.scale(kind, "web", 10 + count));
  expect(await tutti("scale web 1 --no-wait", others)).toMatchObject({
    code: 5,
    err: expect.stringContaining("nothing was changed") as unknown,
  });
  expect(spec()).toMatchObject({ replicas: 15 });
});

it("what is refused for what it is, is not tried again", async () => {
  let writes = 0;
  const counting = meddled(async (count) => Promise.resolve((writes = count)));
  expect((await tutti("scale web 9999999 --no-wait", counting)).code).toBe(2);
  expect(writes).toBe(1);
});
