/** What a System puts out: typed values, waits that keep what was known, sealed secrets, and who is to look again. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { resolve } from "../../controller/resolve.ts";
import type { Draft, Key, Resource } from "../../model/resource.ts";
import { Keyring, isSealed } from "../../model/sealed.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { type Outputs, Sources, evaluateOutputs } from "./outputs.ts";

const keyring = new Keyring(new Uint8Array(32));
const SHOP: Key = { kind: "System", namespace: "default", name: "shop" };
const cause = { actor: "user:test", action: "test" };
let store: Store;

beforeEach(async () => {
  store = createMemoryStore({ clock: new ManualClock() });
  await put("Resource", "net", { spec: {} }, { output: { zones: ["a"] } });
  await put("Secret", "stripe", { data: { key: keyring.seal("sk-hidden") } });
});

async function put(kind: string, name: string, body: object, status?: object): Promise<void> {
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  const apiVersion = kind === "Secret" ? "v1" : "tutti.dev/v1";
  const draft = { apiVersion, kind, metadata: { name, namespace: "default" }, ...body } as Draft;
  const resource = status === undefined ? draft : { ...draft, status: { ...ready, ...status } };
  await store.commit([{ type: "create", resource }], cause);
}

async function outputsOf(outputs: Readonly<Record<string, string>>, last: object = {}): Promise<Outputs> {
  if (store.get(SHOP) === undefined)
    await put("System", "shop", { spec: { outputs, parameters: { n: { default: 3 } } } });
  const system = store.get(SHOP) as Resource;
  return evaluateOutputs({ ...system, status: { outputs: last } }, { store, keyring });
}

describe("outputs", () => {
  it("keep the type of what they are, and are texts where they are put together", async () => {
    const { values, condition } = await outputsOf({
      zones: "${resource.net.status.output.zones}",
      text: "${param.n} in ${resource.net.status.output.zones[0]}",
      plain: "shop",
    });
    expect(values).toEqual({ zones: ["a"], text: "3 in a", plain: "shop" });
    expect(condition).toMatchObject({ type: "OutputsKnown", status: "True" });
  });

  it("made from a secret are sealed", async () => {
    const { values } = await outputsOf({ key: "Bearer ${secret.stripe.key}" });
    expect(isSealed(String(values["key"]))).toBe(true);
    expect(JSON.stringify(values)).not.toContain("sk-hidden");
  });

  it("that wait hold up no other, and stay what they were while their source is only not ready", async () => {
    await put("Resource", "late", { spec: {} }, { conditions: [{ type: "Ready", status: "False" }] });
    const declared = { late: "${resource.late.status.id}", gone: "${resource.gone.status.id}", plain: "x" };
    const { values, condition } = await outputsOf(declared, { late: "before", gone: "before" });
    expect(values).toEqual({ late: "before", plain: "x" });
    expect(condition).toMatchObject({ status: "False", reason: "WaitingFor" });
    expect(condition?.message).toContain("late: Waiting for resource/late, which is not ready.");
    expect(condition?.message).toContain("gone: Waiting for resource/gone, which does not exist.");
  });

  it("are waited for by those who refer to them, whether their system is ready or not", async () => {
    await put("System", "shop", { spec: { outputs: {} } });
    await put("Resource", "user", { spec: { config: { url: "${system.shop.status.outputs.url}" } } });
    const user = store.get({ kind: "Resource", namespace: "default", name: "user" }) as Resource;
    expect(resolve(user, { store, keyring }).waits).toEqual([
      { address: "system/shop", reason: "has no output 'url' yet" },
    ]);
    await store.commit([{ type: "status", key: SHOP, status: { outputs: { url: "http://x" } } }], cause);
    expect(resolve(user, { store, keyring })).toMatchObject({
      waits: [],
      spec: { config: { url: "http://x" } },
    });
  });
});

describe("sources", () => {
  const system = (url: string): Resource =>
    ({
      apiVersion: "tutti.dev/v1",
      kind: "System",
      metadata: { name: "shop", namespace: "default" },
      spec: { outputs: { url } },
    }) as unknown as Resource;
  const key = (name: string): Key => ({ kind: "Resource", namespace: "default", name });

  it("tell whose outputs a resource is part of, as they are declared now", () => {
    const sources = new Sources();
    sources.keep(system("${resource.a.status.id}"));
    expect([...sources.of(key("a"))]).toEqual([SHOP]);
    sources.keep(system("${resource.b.status.id}"));
    expect([[...sources.of(key("a"))], [...sources.of(key("b"))]]).toEqual([[], [SHOP]]);
    sources.forget(SHOP);
    expect([...sources.of(key("b"))]).toEqual([]);
  });
});
