/** Podman's compatible socket is as good for images, networks and volumes: what is tested at length on dockerd. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext as context, providerConformance } from "../../provider/conformance.ts";
import type { Desired, Identity } from "../../provider/provider.ts";
import { BaseImage } from "./base-image.ts";
import { Builds } from "./build.ts";
import { Engine } from "./engine.ts";
import { IMAGE } from "./fixtures/daemon.ts";
import { type Podman, startPodman } from "./fixtures/podman.ts";
import { type Registry, forget, push, startRegistry } from "./fixtures/registry.ts";
import { Images } from "./images.ts";
import { DockerNetworks } from "./network.ts";
import { networkName, volumeName } from "./resource-names.ts";
import { DockerVolumes } from "./volume.ts";

const HOME = "home-of-podman-tests";
const never = new AbortController().signal;

let podman: Podman;
let registry: Registry;
let engine: Engine;
let networks: DockerNetworks;
let volumes: DockerVolumes;

beforeAll(async () => {
  registry = await startRegistry();
  podman = await startPodman(registry.address);
  engine = new Engine({ endpoint: podman.endpoint });
  networks = new DockerNetworks(engine, HOME);
  volumes = new DockerVolumes(engine, HOME);
});

afterAll(async () => {
  engine?.close();
  await Promise.all([podman?.close(), registry?.close()]);
});

function identity(kind: string, name: string): Identity {
  return { kind, namespace: "default", name, uid: `uid-of-${name}` };
}

function network(name: string, spec: object = {}): Desired {
  return { identity: identity("Network", name), spec: { class: "docker", ...spec }, status: undefined };
}

function volume(name: string, spec: object = {}): Desired {
  return { identity: identity("Volume", name), spec: { class: "docker", ...spec }, status: undefined };
}

async function output(image: string, command: string, more: object = {}): Promise<string> {
  const container = await podman.docker.createContainer({
    Image: image,
    Cmd: ["sh", "-c", command],
    Tty: true,
    HostConfig: { NetworkMode: "none", ...more },
  });
  await container.start();
  await container.wait();
  const text = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
  await container.remove();
  return text.trim();
}

providerConformance("Network of class docker on Podman", {
  open: () =>
    Promise.resolve({
      provider: networks,
      reopen: () => Promise.resolve(new DockerNetworks(engine, HOME)),
      cleanup: async () => {
        await networks.remove(network("shop"), context);
      },
    }),
  desired: network("shop"),
  holdsNoData: "a network holds no data",
});

providerConformance("Volume of class docker on Podman", {
  open: () =>
    Promise.resolve({
      provider: volumes,
      reopen: () => Promise.resolve(new DockerVolumes(engine, HOME)),
      cleanup: async () => {
        await volumes.remove(volume("files"), { ...context, keepData: false });
      },
    }),
  desired: volume("files"),
  takeAway: ({ identity }) => podman.docker.getVolume(volumeName(HOME, identity)).remove(),
});

describe("Podman", () => {
  it("says what it is", async () => {
    expect(await engine.describe()).toMatch(/^Podman \d+\.\d+\.\d+, API /);
  });

  it("runs images by id, pinned, and pulled", async () => {
    const images = new Images(engine);
    const { Id } = await podman.docker.getImage(IMAGE).inspect();
    expect(await images.ensure({ image: IMAGE }, never)).toBe(Id);
    const digest = await images.pin({ image: IMAGE }, never);
    expect(await images.ensure({ image: IMAGE, digest: digest as string }, never)).toBe(Id);
    const tag = `${registry.address}/shop/api:1`;
    await push(podman.docker, IMAGE, tag);
    await forget(podman.docker, tag);
    expect(await images.pin({ image: tag }, never)).toMatch(/^sha256:[0-9a-f]{64}$/);
    await forget(podman.docker, tag);
    const pulled = await images.ensure({ image: tag }, never);
    expect(await output(pulled, "echo pulled")).toBe("pulled");
    await expect(images.ensure({ image: `${registry.address}/shop/none:1` }, never)).rejects.toThrow(
      /^Neither the engine nor the registry/,
    );
  });

  it("builds images from folders", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-podman-build-"));
    try {
      mkdirSync(join(folder, "files"));
      writeFileSync(join(folder, "files", "a"), "built");
      writeFileSync(join(folder, "Dockerfile"), `FROM ${IMAGE}\nCOPY files /files\n`);
      const wanted = { folder, build: { context: ".", dockerfile: "Dockerfile", args: {} } };
      const builds = new Builds(engine);
      const id = await builds.ensure(wanted, never);
      expect(await output(id, "cat /files/a")).toBe("built");
      expect(await builds.ensure(wanted, never)).toBe(id);
      writeFileSync(join(folder, "Dockerfile"), `FROM ${IMAGE}\nCOPY nothing /files\n`);
      await expect(builds.ensure(wanted, never)).rejects.toThrow(/^The build of '.*' failed.*nothing/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("runs the base image", async () => {
    const id = await new BaseImage(engine, new Images(engine)).ensure(never);
    expect(await output(id, "node --version")).toBe(process.version);
  });

  it("says who uses a network that is to be removed", async () => {
    const used = network("used");
    await networks.ensure(used, context);
    const user = await podman.docker.createContainer({
      name: "user-of-network",
      Image: IMAGE,
      HostConfig: { NetworkMode: networkName(HOME, used.identity) },
    });
    await expect(networks.remove(used, context)).rejects.toThrow(/is in use by user-of-network\./);
    await user.remove({ force: true });
    await networks.remove(used, context);
  });

  it("copies volumes, and takes snapshots of them", async () => {
    const { outputs } = await volumes.ensure(volume("source"), context);
    expect(outputs["volume"]).toBe(volumeName(HOME, volume("source").identity));
    const binds = (name: unknown): object => ({ Binds: [`${String(name)}:/data`] });
    await output(IMAGE, "echo one > /data/a; chown 1000:1000 /data/a", binds(outputs["volume"]));
    const monday = identity("VolumeSnapshot", "monday");
    const taken = await volumes.snapshot(volume("source"), monday, context);
    expect(await volumes.snapshot(volume("source"), monday, context)).toEqual(taken);
    await output(IMAGE, "echo two > /data/a", binds(outputs["volume"]));
    for (const [from, text] of [
      [{ volume: "source" }, "two"],
      [{ snapshot: "monday" }, "one"],
    ] as const) {
      const copy = await volumes.ensure(volume(`copy-${text}`, { from }), context);
      const look = "cat /data/a; stat -c %u /data/a";
      expect(await output(IMAGE, look, binds(copy.outputs["volume"]))).toBe(`${text}\r\n1000`);
      await volumes.remove(volume(`copy-${text}`), { ...context, keepData: false });
    }
    await volumes.removeSnapshot(monday, context);
    await volumes.remove(volume("source"), { ...context, keepData: false });
  });
});
