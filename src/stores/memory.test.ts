import { expect, test } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { type StoreUnderTest, storeConformance } from "../store/conformance.ts";
import { StoreError } from "../store/store.ts";
import { createMemoryStore } from "./memory.ts";

const cause = { actor: "user:test", action: "test" };

storeConformance("the memory store", () => open(() => Promise.resolve()));
storeConformance("the memory store on a slow disk", () =>
  open(() => new Promise((resolve) => setImmediate(resolve))),
);

async function open(wait: () => Promise<void>): Promise<StoreUnderTest> {
  const clock = new ManualClock();
  let fails = false;
  const store = createMemoryStore({
    clock,
    persist: async () => {
      const failed = fails;
      fails = false;
      await wait();
      if (failed) throw new StoreError("StorageFull", "No space left.");
    },
  });
  return {
    store,
    advance: (milliseconds) => clock.advance(milliseconds),
    failOnce: () => void (fails = true),
    cleanup: () => store.close(),
  };
}

function draft(name: string): { apiVersion: string; kind: string; metadata: { name: string }; spec: object } {
  return { apiVersion: "tutti.dev/v1", kind: "Location", metadata: { name }, spec: {} };
}

test("gathers what is committed while a batch is being kept, and keeps it with one more", async () => {
  const batches: number[] = [];
  const store = createMemoryStore({
    clock: new ManualClock(),
    persist: async (changes) => void batches.push(changes.length),
  });
  const first = store.commit([{ type: "create", resource: draft("first") }], cause);
  await Promise.resolve();
  const rest = Array.from({ length: 9 }, (_, n) =>
    store.commit([{ type: "create", resource: draft(`n${n}`) }], cause),
  );
  await Promise.all([first, ...rest]);
  expect(batches).toEqual([1, 9]);
});

test("a refusal based on what could not be kept is taken back: the commit is worked out again", async () => {
  let attempts = 0;
  const store = createMemoryStore({
    clock: new ManualClock(),
    persist: async () => {
      attempts += 1;
      if (attempts === 1) throw new Error("broken");
    },
  });
  const first = store.commit([{ type: "create", resource: draft("a") }], cause);
  const second = store.commit([{ type: "create", resource: draft("a") }], cause);
  await expect(first).rejects.toMatchObject({ code: "StorageFailed" });
  expect((await second).revision).toBe(1);
});

test("changes beyond what is held for watches are Expired, and beyond the history limit too", async () => {
  const store = createMemoryStore({
    clock: new ManualClock(),
    recent: { count: 2, bytes: Infinity },
    historyLimit: 10,
  });
  await store.commit([{ type: "create", resource: draft("a") }], cause);
  for (let n = 0; n < 40; n += 1) {
    await store.commit(
      [{ type: "status", key: { kind: "Location", namespace: "", name: "a" }, status: { n } }],
      cause,
    );
  }
  expect(() => store.watch(38, () => undefined)).toThrow("List again");
  store.watch(39, (changes) => expect(changes.map(({ revision }) => revision)).toHaveLength(1));
  await expect(store.at({ revision: 2 })).rejects.toMatchObject({ code: "Expired" });
  expect((await store.at({ revision: 40 })).revision).toBe(40);
});
