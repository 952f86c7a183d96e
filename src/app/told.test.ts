/**
 * What a real engine tells of is noticed though nobody looks by the clock: on this one no interval ever comes round. Only
 * what is told, and what follows from it, goes on.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Clock, sleepOn, systemClock } from "../clock/clock.ts";
import { validate } from "../kinds/validate.ts";
import { isReady } from "../model/condition.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { type DockerProviders, dockerProviders } from "../providers/docker/index.ts";
import { type Daemon, IMAGE, startDaemon } from "../providers/docker/fixtures/daemon.ts";
import { networkName, volumeName } from "../providers/docker/resource-names.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const HOME = "home-told";
const cause = { actor: "user:test", action: "test" };
/** Shorter than every interval, longer than every pause between attempts. */
const LONGEST = 10_000;

const setTimeout: Clock["setTimeout"] = (callback, delay) =>
  delay < LONGEST ? systemClock.setTimeout(callback, delay) : { cancel: () => undefined };
const clock: Clock = {
  ...systemClock,
  setTimeout,
  sleep: (delay, signal) => sleepOn({ setTimeout }, delay, signal),
};

let daemon: Daemon;
let folder: string;
let store: Store;
let plane: ControlPlane;
/** How often a volume was asked for. */
let looks = 0;
/** How often the engine was opened. */
let opened = 0;

beforeAll(async () => {
  daemon = await startDaemon();
  folder = mkdtempSync(join(tmpdir(), "tutti-told-"));
  store = createMemoryStore({ clock });
  await restart();
});
afterAll(async () => {
  await plane.stop();
  await daemon.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(): DockerProviders {
  opened += 1;
  const keyring = new Keyring(new Uint8Array(32));
  const made = dockerProviders({
    engine: { endpoint: daemon.endpoint, env: {} },
    home: HOME,
    clock,
    keyring,
    folder,
    hidden: [],
    readSecret: () => undefined,
    volumeFolder: () => undefined,
    networkClass: () => "docker",
    adoptedNetwork: () => undefined,
  });
  for (const provider of made.providers) {
    const observe = provider.observe.bind(provider);
    if (provider.kind === "Volume")
      provider.observe = (...args) => {
        looks += 1;
        return observe(...args);
      };
  }
  return made;
}

async function restart(): Promise<void> {
  await plane?.stop();
  plane = createControlPlane({
    store,
    clock,
    keyring: new Keyring(new Uint8Array(32)),
    local: { instances: [], providers: open().providers },
    locations: new Map([
      [
        "docker",
        () => {
          const { instances, providers, close } = open();
          return { instances: [instances], providers, close };
        },
      ],
    ]),
  });
  await plane.start();
}

async function until<T>(ask: () => T | Promise<T>): Promise<NonNullable<Exclude<T, false>>> {
  for (;;) {
    const found = await ask();
    if (found !== undefined && found !== null && found !== false)
      return found as NonNullable<Exclude<T, false>>;
    await sleep(10);
  }
}

const get = (kind: string, name: string): Resource | undefined =>
  store.get({ kind, namespace: "default", name });

async function declare(kind: string, name: string, spec: object): Promise<void> {
  const { resource, diagnostics } = validate({
    kind,
    metadata: { name },
    spec: { class: "docker", location: "docker", ...spec },
  });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  await store.commit([{ type: "create", resource: resource as Draft }], cause);
  await until(() => isReady(get(kind, name) as Resource));
}

const events = (name: string): readonly string[] =>
  store
    .list({ kind: "Event" })
    .items.map((event) => event as unknown as { involvedObject: { name: string }; reason: string })
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason }) => reason);
const network = (name: string): ReturnType<Daemon["docker"]["getNetwork"]> =>
  daemon.docker.getNetwork(networkName(HOME, { namespace: "default", name }));
const volume = (name: string): ReturnType<Daemon["docker"]["getVolume"]> =>
  daemon.docker.getVolume(volumeName(HOME, { namespace: "default", name }));
const isThere = (thing: { inspect: () => Promise<unknown> }): Promise<boolean> =>
  thing.inspect().then(
    () => true,
    () => false,
  );

const LIFECYCLE = { lifecycle: { drift: { every: "1h" } } };

it("networks and volumes that are removed by hand are there again, and it is said", async () => {
  await declare("Network", "inner", LIFECYCLE);
  await declare("Volume", "shelf", LIFECYCLE);
  await network("inner").remove();
  await volume("shelf").remove();
  for (const name of ["inner", "shelf"]) await until(() => events(name).includes("MadeAgain"));
  expect(await isThere(network("inner"))).toBe(true);
  expect(await isThere(volume("shelf"))).toBe(true);
  expect(events("inner").filter((reason) => reason === "Gone")).toHaveLength(1);
});

it("what others put in its place is set back", async () => {
  await declare("Network", "closed", LIFECYCLE);
  const { Name, Labels } = (await network("closed").inspect()) as { Name: string; Labels: object };
  await network("closed").remove();
  // Tutti may be faster, and have made it again by then.
  await daemon.docker
    .createNetwork({ Name, Labels: { ...Labels }, Internal: true, CheckDuplicate: true })
    .catch(() => undefined);
  await until(() => events("closed").some((reason) => ["SetBack", "MadeAgain"].includes(reason)));
  await until(async () => {
    const found = await daemon.docker.listNetworks({ filters: { name: [Name] } });
    return found.length === 1 && found[0]?.Internal === false;
  });
});

it("a thousand events of one thing are a look a second", async () => {
  await declare("Volume", "busy", LIFECYCLE);
  const { Name } = (await volume("busy").inspect()) as { Name: string };
  const [before, began] = [looks, clock.now()];
  // It is there already: nothing happens but that the engine tells of it.
  for (let count = 0; count < 1_000; count++) await daemon.docker.createVolume({ Name });
  await volume("busy").remove();
  await until(() => events("busy").includes("MadeAgain"));
  const seconds = (clock.now() - began) / 1_000;
  // Beside those it is looked at before it is made again, and after.
  expect(looks - before).toBeLessThanOrEqual(seconds + 5);
  expect(events("busy").toSorted()).toEqual(["Gone", "MadeAgain", "Ready"]);
});

it("what is reached in another way by now is told of all the same", async () => {
  await declare("Network", "moved", LIFECYCLE);
  const location = store.get({ kind: "Location", namespace: "", name: "docker" }) as Resource;
  const spec = { ...(location.spec as object), classes: { Network: "docker" } };
  const before = opened;
  await store.commit([{ type: "update", resource: { ...location, spec } as Draft }], cause);
  await until(() => opened > before);
  await network("moved").remove();
  await until(() => events("moved").includes("MadeAgain"));
});

it("what happened while the control plane was away is found when it listens again", async () => {
  await declare("Network", "away", { lifecycle: { drift: { every: "1h", answer: "report" } } });
  await plane.stop();
  await network("away").remove();
  await restart();
  await until(() => isThere(network("away")));
});

it("what happened while the engine was away is found when it is back", async () => {
  await declare("Volume", "lost", LIFECYCLE);
  await daemon.stop();
  rmSync(join(daemon.folder, "data", "volumes", volumeName(HOME, { namespace: "default", name: "lost" })), {
    recursive: true,
  });
  rmSync(join(daemon.folder, "data", "volumes", "metadata.db"));
  await daemon.start();
  await until(() => events("lost").includes("MadeAgain"));
  expect(await isThere(volume("lost"))).toBe(true);
});

it("a container that is taken off its network, or given other limits, is put right without ending it", async () => {
  await declare("Network", "shared", LIFECYCLE);
  await declare("Service", "api", {
    image: IMAGE,
    command: ["sleep", "1000000"],
    networks: ["shared"],
    resources: { memory: "64Mi" },
  });
  const [listed] = await daemon.docker.listContainers();
  const container = daemon.docker.getContainer(listed?.Id ?? "");
  const { Pid } = (await container.inspect()).State;
  await network("shared").disconnect({ Container: container.id, Force: true });
  await until(async () => Object.keys((await container.inspect()).NetworkSettings.Networks).length === 1);
  await container.update({ Memory: 128 * 2 ** 20, MemorySwap: 128 * 2 ** 20 });
  await until(async () => (await container.inspect()).HostConfig.Memory === 64 * 2 ** 20);
  expect((await container.inspect()).State).toMatchObject({ Pid, Running: true });
});
