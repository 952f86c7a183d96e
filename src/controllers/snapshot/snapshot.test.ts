/** Snapshots as they are declared, on a store in memory, of real folders. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { DependentsView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Draft, Key, Resource } from "../../model/resource.ts";
import { Keyring } from "../../model/sealed.ts";
import type { Provider, VolumeProvider } from "../../provider/provider.ts";
import { Home } from "../../providers/local/home.ts";
import { directoryVolumes } from "../../providers/local/volumes/directory.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { snapshotController } from "./index.ts";

const cause = { actor: "user:test", action: "test" };
const keyring = new Keyring(new Uint8Array(32));

let folder: string;
let home: Home;
let clock: ManualClock;
let store: Store;
let runtime: Runtime;
let volumes: VolumeProvider;
/** How many copies were asked for. */
let copies: number;
let trouble: Error | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-snapshots-"));
  home = new Home(folder);
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  copies = 0;
  trouble = undefined;
  const real = directoryVolumes(home);
  volumes = {
    ...real,
    snapshot: (...asked) => {
      copies += 1;
      return trouble === undefined ? real.snapshot(...asked) : Promise.reject(trouble);
    },
  };
  begin();
  writeFileSync(join(home.ensure("volumes", "default", "uploads"), "a"), "before");
  await create("Volume", "uploads", {});
});
afterEach(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

function begin(): void {
  runtime = new Runtime(store, { clock });
  const dependents = new DependentsView();
  runtime.addView(dependents);
  const providerOf = (): Provider => volumes;
  const context = { clock, keyring, readSecret: () => undefined };
  runtime.addController(snapshotController({ store, clock, dependents, providerOf, context }));
  runtime.start();
}

const keyOfName = (kind: string, name: string): Key => ({ kind, namespace: "default", name });
async function create(kind: string, name: string, spec: object): Promise<void> {
  const { resource } = validate({ kind, metadata: { name }, spec });
  await store.commit([{ type: "create", resource: resource as Draft }], cause);
}
async function setReady(name: string): Promise<void> {
  const made = { class: "directory", location: "local" };
  const conditions = [
    {
      type: "Ready",
      status: "True",
      reason: "Ready",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ];
  await store.commit(
    [{ type: "status", key: keyOfName("Volume", name), status: { conditions, made } }],
    cause,
  );
}
const remove = (kind: string, name: string): Promise<unknown> =>
  store.commit([{ type: "delete", key: keyOfName(kind, name) }], cause);
const snapshot = (name = "monday"): Resource => store.get(keyOfName("VolumeSnapshot", name)) as Resource;
const ready = (): ReturnType<typeof conditionOf> => conditionOf(snapshot(), "Ready");
const content = (name = "monday"): string => join(folder, "snapshots/default", name, "content/a");

/** Copying is real work: it takes as long as it takes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function taken(): Promise<void> {
  await setReady("uploads");
  await create("VolumeSnapshot", "monday", { volume: "uploads" });
  await until(() => ready()?.status === "True");
}

describe("a declared snapshot", () => {
  it("waits until its volume is ready, then says what it holds and where", async () => {
    await create("VolumeSnapshot", "monday", { volume: "uploads" });
    await until(() => ready() !== undefined);
    expect(ready()).toMatchObject({
      reason: "WaitingFor",
      message: "Waiting for volume/uploads, which is not ready.",
    });
    await setReady("uploads");
    await until(() => ready()?.status === "True");
    expect(snapshot().status).toMatchObject({
      class: "directory",
      location: "local",
      takenAt: expect.stringMatching(/^2026-01-01T00:00:/) as string,
      bytes: expect.any(Number) as number,
      path: join(folder, "snapshots/default/monday/content"),
    });
  });

  it("is taken once, whatever becomes of the volume and of the control plane", async () => {
    await taken();
    writeFileSync(join(folder, "volumes/default/uploads/a"), "after");
    await setReady("uploads");
    await runtime.stop();
    begin();
    await clock.advance(60_000);
    await remove("Volume", "uploads");
    await clock.advance(60_000);
    expect(copies).toBe(1);
    expect(ready()?.status).toBe("True");
    expect(readFileSync(content(), "utf8")).toBe("before");
  });

  it("goes with its files, although its volume is gone", async () => {
    await taken();
    await remove("Volume", "uploads");
    await remove("VolumeSnapshot", "monday");
    await until(() => snapshot() === undefined);
    expect(existsSync(join(folder, "snapshots"))).toBe(false);
  });

  it("that was never taken goes at once", async () => {
    await create("VolumeSnapshot", "monday", { volume: "uploads" });
    await until(() => ready() !== undefined);
    await remove("VolumeSnapshot", "monday");
    await until(() => snapshot() === undefined);
  });

  it("has recorded where it is before it is copied, so that a crash leaves nothing that stays", async () => {
    trouble = new Error("killed");
    await setReady("uploads");
    await create("VolumeSnapshot", "monday", { volume: "uploads" });
    await until(() => copies > 0);
    await runtime.stop();
    expect(snapshot().status).toMatchObject({ class: "directory", location: "local" });
    // What a copy that ended right before the crash has left.
    trouble = undefined;
    const context = { clock, keyring, readSecret: () => undefined, signal: new AbortController().signal };
    const { uid } = snapshot().metadata;
    const identity = { kind: "VolumeSnapshot", namespace: "default", name: "monday", uid };
    const volume = { kind: "Volume", namespace: "default", name: "uploads", uid: "u" };
    await volumes.snapshot({ identity: volume, spec: {}, status: undefined }, identity, context);
    await remove("VolumeSnapshot", "monday");
    begin();
    await until(() => snapshot() === undefined);
    expect(existsSync(join(folder, "snapshots"))).toBe(false);
  });

  it("says why it could not be taken, and is tried again", async () => {
    trouble = new Error("No space left on device");
    await setReady("uploads");
    await create("VolumeSnapshot", "monday", { volume: "uploads" });
    await until(() => ready()?.reason === "Failed");
    expect(ready()?.message).toBe("It could not be taken: No space left on device.");
    trouble = undefined;
    await until(() => ready()?.status === "True");
  });

  it("of a class that has none is refused for good", async () => {
    volumes = { ...volumes, snapshot: undefined as never, removeSnapshot: undefined as never };
    await setReady("uploads");
    await create("VolumeSnapshot", "monday", { volume: "uploads" });
    await until(() => ready()?.reason === "NoSnapshots");
    await remove("VolumeSnapshot", "monday");
    await until(() => snapshot() === undefined);
  });
});
