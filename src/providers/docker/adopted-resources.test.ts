/** Networks and volumes that an engine has already: listed, adopted as they are, let go. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext } from "../../provider/conformance.ts";
import type { Desired, Observation, Provider, ProviderContext } from "../../provider/provider.ts";
import type { Resource } from "../../model/resource.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { DockerNetworks } from "./network.ts";
import { resourceLabels } from "./resource-names.ts";
import { DockerVolumes } from "./volume.ts";

const HOME = "home-of-adoption-tests";

let daemon: Daemon;
let engine: Engine;
beforeAll(async () => {
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
});
afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

interface Case {
  readonly kind: "Network" | "Volume";
  readonly open: () => Provider;
  readonly make: (name: string, labels?: Readonly<Record<string, string>>) => Promise<unknown>;
  readonly isThere: (name: string) => Promise<boolean>;
}

const isFound = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

const CASES: readonly Case[] = [
  {
    kind: "Network",
    open: () => new DockerNetworks(engine, HOME),
    make: (Name, Labels = {}) => daemon.docker.createNetwork({ Name, Labels: { ...Labels } }),
    isThere: (name) => isFound(daemon.docker.getNetwork(name).inspect()),
  },
  {
    kind: "Volume",
    open: () => new DockerVolumes(engine, HOME),
    make: (Name, Labels = {}) => daemon.docker.createVolume({ Name, Labels: { ...Labels } }),
    isThere: (name) => isFound(daemon.docker.getVolume(name).inspect()),
  },
];

describe.each(CASES)("a $kind of the engine", ({ kind, open, make, isThere }) => {
  const desired = (name: string, more: Partial<Desired> = {}): Desired => ({
    identity: { kind, namespace: "default", name, uid: `uid-of-${name}` },
    spec: { class: "docker", location: "docker" },
    status: undefined,
    ...more,
  });
  const asked = (name: string, id: string): Desired =>
    desired(name, { annotations: { "tutti.dev/adopt": id } });
  const known = (name: string, { outputs }: Observation): Desired => desired(name, { status: outputs });
  const context = conformanceContext;

  it("is listed with what it is, what it could have been made from, and whose it is", async () => {
    await make("listed", { "com.docker.compose.project": "shop" });
    await make("theirs", { "tutti.dev/home": "another" });
    const made = desired("made");
    await open().ensure(made, context);
    const all = await open().list!(context, {});
    expect(all.find(({ id }) => id === "listed")).toMatchObject({
      name: "listed",
      spec: { class: "docker" },
      description: expect.stringMatching(/0 containers, of the Compose project shop$/) as string,
    });
    expect(all.find(({ id }) => id === "theirs")).toMatchObject({ ownedBy: "another control plane" });
    expect(all.find(({ owner }) => owner?.name === "made")?.owner).toEqual(made.identity);
    expect(all.map(({ id }) => id)).not.toContain("bridge");
    await open().remove(made, { ...context, keepData: false });
  });

  it("is adopted as it is, and found again by the status", async () => {
    await make("legacy");
    const adopted = await open().adopt!(desired("mine"), "legacy", context);
    expect(adopted).toMatchObject({ ready: true, outputs: { adopted: "legacy" } });
    const later = known("mine", adopted);
    expect(await open().observe(later, context)).toEqual(adopted);
    expect(await open().ensure(later, context)).toEqual(adopted);
    expect(await open().adopt!(later, "legacy", context)).toEqual(adopted);
  });

  it("is adopted by who only ensures what is asked for in an annotation", async () => {
    await make("annotated");
    const adopted = await open().ensure(asked("noted", "annotated"), context);
    expect(adopted.outputs).toMatchObject({ adopted: "annotated" });
  });

  it("is not adopted by what was made already, whatever an annotation says", async () => {
    await make("late");
    const made = await open().ensure(desired("first"), context);
    expect(await open().ensure(asked("first", "late"), context)).toEqual(made);
    expect(await open().remove(asked("first", "late"), { ...context, keepData: false })).toEqual([]);
    expect(await isThere("late")).toBe(true);
  });

  it("is refused when it is not there, before and after it was adopted: nothing is made in its place", async () => {
    await expect(open().adopt!(desired("none"), "nowhere", context)).rejects.toMatchObject({
      diagnostic: { code: "NothingToAdopt" },
    });
    const gone = desired("none", { status: { adopted: "nowhere" } });
    expect(await open().observe(gone, context)).toBeUndefined();
    await expect(open().ensure(gone, context)).rejects.toMatchObject({
      diagnostic: { code: "NothingToAdopt" },
    });
  });

  it("is refused when another control plane made it, or another resource that is there", async () => {
    await make("of-others", { "tutti.dev/home": "another" });
    await expect(open().adopt!(desired("a"), "of-others", context)).rejects.toMatchObject({
      diagnostic: {
        code: "OwnedByAnother",
        message: expect.stringContaining("another control plane") as string,
      },
    });
    const owner = { kind, namespace: "default", name: "holder", uid: "uid-of-holder" };
    await make("held", resourceLabels(HOME, owner));
    const holding: ProviderContext = {
      ...context,
      lookUp: () => ({ metadata: { name: "holder", uid: "uid-of-holder" } }) as Resource,
    };
    await expect(open().adopt!(desired("a"), "held", holding)).rejects.toMatchObject({
      diagnostic: { code: "OwnedByAnother", message: expect.stringContaining("'holder'") as string },
    });
    const empty: ProviderContext = { ...context, lookUp: () => undefined };
    expect(await open().adopt!(desired("a"), "held", empty)).toMatchObject({ ready: true });
  });

  it("stays when it is let go", async () => {
    await make("released");
    const adopted = await open().adopt!(desired("r"), "released", context);
    await open().release!(known("r", adopted), context);
    await open().release!(known("r", adopted), context);
    expect(await isThere("released")).toBe(true);
  });

  it(`that was adopted ${kind === "Volume" ? "stays" : "goes"} when it is removed`, async () => {
    await make("removed");
    const adopted = await open().adopt!(desired("q"), "removed", context);
    const kept = await open().remove(known("q", adopted), { ...context, keepData: false });
    expect(await isThere("removed")).toBe(kind === "Volume");
    expect(kept).toHaveLength(kind === "Volume" ? 1 : 0);
  });
});

describe("an adopted network", () => {
  it("says that its range cannot be changed, and is in use by whoever is on it", async () => {
    const networks = new DockerNetworks(engine, HOME);
    const identity = { kind: "Network", namespace: "default", name: "fixed", uid: "uid-of-fixed" };
    await daemon.docker.createNetwork({ Name: "used" });
    const container = await daemon.docker.createContainer({
      Image: IMAGE,
      HostConfig: { NetworkMode: "used" },
    });
    await container.start();
    const all = await networks.list(conformanceContext);
    const used = all.find(({ id }) => id === "used");
    expect(used?.description).toBe("bridge network, 1 container");
    const desired = { identity, spec: used?.spec, status: { adopted: "used" } };
    expect(await networks.ensure(desired, conformanceContext)).toMatchObject({ ready: true });
    await expect(
      networks.ensure({ ...desired, spec: { class: "docker", cidr: "10.99.0.0/24" } }, conformanceContext),
    ).rejects.toMatchObject({ diagnostic: { code: "AdoptedDiffers", path: "spec.cidr" } });
    await container.remove({ force: true });
  });
});

describe("ranges of addresses", () => {
  it("are counted: those that the engine finds by itself, and those that networks have taken of them", async () => {
    const networks = new DockerNetworks(engine, HOME);
    const [before] = await networks.capacities(conformanceContext);
    await daemon.docker.createNetwork({ Name: "one-more" });
    const [after] = await networks.capacities(conformanceContext);
    expect(before).toMatchObject({ name: "ranges of addresses", limit: 64 });
    expect((after?.used ?? 0) - (before?.used ?? 0)).toBe(1);
    expect([after?.needs({}), after?.needs({ cidr: "10.99.0.0/24" })]).toEqual([1, 0]);
  });
});
