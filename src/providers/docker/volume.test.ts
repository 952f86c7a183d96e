/** Volumes of class `docker`, on a real engine. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext as context, providerConformance } from "../../provider/conformance.ts";
import { type Desired, type Identity, TerminalError } from "../../provider/provider.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";
import { snapshotName, volumeName } from "./resource-names.ts";
import { DockerVolumes } from "./volume.ts";

const HOME = "home-of-volume-tests";

let daemon: Daemon;
let engine: Engine;
let volumes: DockerVolumes;

beforeAll(async () => {
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
  volumes = new DockerVolumes(engine, HOME);
});

afterAll(async () => {
  engine?.close();
  await daemon?.close();
});

function identity(kind: string, name: string, uid = `uid-of-${name}`): Identity {
  return { kind, namespace: "default", name, uid };
}

function desired(name: string, spec: object = {}): Desired {
  return {
    identity: identity("Volume", name),
    spec: { class: "docker", location: "docker", retain: false, ...spec },
    status: undefined,
  };
}

function nameOf(volume: Desired): string {
  return volumeName(HOME, volume.identity);
}

/** What a command in a container with the volume at /data prints. */
async function inside(volume: string, command: string): Promise<string> {
  const container = await daemon.docker.createContainer({
    Image: IMAGE,
    Cmd: ["sh", "-c", `cd /data; ${command}`],
    HostConfig: { NetworkMode: "none", Binds: [`${volume}:/data`] },
    Tty: true,
  });
  await container.start();
  await container.wait();
  const output = await container.logs({ stdout: true, stderr: true });
  await container.remove();
  return output.toString("utf8").trim().replaceAll("\r", "");
}

async function made(name: string, spec: object = {}): Promise<string> {
  const { outputs } = await volumes.ensure(desired(name, spec), context);
  return String(outputs["volume"]);
}

async function gone(...names: readonly string[]): Promise<void> {
  for (const name of names) await volumes.remove(desired(name), { ...context, keepData: false });
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

for (const [title, spec] of [
  ["docker", {}],
  ["docker that begins as a copy", { from: { volume: "source" } }],
] as const)
  providerConformance(`Volume of class ${title}`, {
    open: async () => {
      await inside(await made("source"), "echo 1 > a");
      return {
        provider: volumes,
        reopen: () => Promise.resolve(new DockerVolumes(engine, HOME)),
        cleanup: () => gone("files", "source"),
      };
    },
    desired: desired("files", spec),
    takeAway: ({ identity }) => daemon.docker.getVolume(volumeName(HOME, identity)).remove(),
  });

describe("a volume", () => {
  it("of an engine on this machine is a folder of it", async () => {
    const { outputs } = await volumes.ensure(desired("files"), context);
    await inside(nameOf(desired("files")), "echo here > a");
    expect(readFileSync(join(String(outputs["path"]), "a"), "utf8")).toBe("here\n");
    await gone("files");
  });

  it("keeps its files when it is retained, and a later one of the name has them", async () => {
    const name = await made("kept", { retain: true });
    await inside(name, "echo kept > a");
    const phrases = await volumes.remove(desired("kept"), { ...context, keepData: true });
    expect(phrases).toEqual([`the engine's volume ${name}`]);
    expect(await inside(await made("kept"), "cat a")).toBe("kept");
    await gone("kept");
  });

  it("that is in use is not removed: who uses it is said, and when they are gone it goes", async () => {
    const name = await made("used");
    const user = await daemon.docker.createContainer({
      Image: IMAGE,
      name: "user-of-volume",
      HostConfig: { NetworkMode: "none", Binds: [`${name}:/data`] },
    });
    const error = await refusal(gone("used"));
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error.message).toBe(
      `The volume '${name}' is in use by user-of-volume. It is removed as soon as nobody uses it.`,
    );
    await user.remove();
    await gone("used");
    expect(await volumes.observe(desired("used"), context)).toBeUndefined();
  });

  it("of a name that somebody else has taken is refused, and left alone", async () => {
    const name = nameOf(desired("taken"));
    await daemon.docker.createVolume({ Name: name });
    expect(await refusal(made("taken"))).toBeInstanceOf(TerminalError);
    expect(await refusal(gone("taken"))).toBeInstanceOf(TerminalError);
    await daemon.docker.getVolume(name).remove();
  });
});

describe("a volume that is adopted", () => {
  it("is used as it is, under its own name, and never removed", async () => {
    await daemon.docker.createVolume({ Name: "theirs" });
    await inside("theirs", "echo before > a");
    expect(await made("ours", { adopt: "theirs" })).toBe("theirs");
    const adopted = desired("ours", { adopt: "theirs" });
    expect(await volumes.remove(adopted, { ...context, keepData: false })).toEqual([
      "the engine's volume theirs, which was adopted",
    ]);
    expect(await inside("theirs", "cat a")).toBe("before");
  });

  it("is refused when it is not there", async () => {
    const error = await refusal(made("ours", { adopt: "nothing" }));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/The engine has no volume 'nothing' to be adopted/);
  });
});

describe("a copy", () => {
  it("has the files with owners, permissions and links, and goes its own way", async () => {
    const source = await made("source");
    await inside(
      source,
      "echo one > a; chmod 640 a; chown 1000:1000 a; ln -s a link; ln a twin; mkdir -p deep/er; echo two > deep/er/b; chown 1000:1000 .; chmod 700 .",
    );
    const copy = await made("copy", { from: { volume: "source" } });
    await inside(source, "echo changed > a; rm -r deep");
    expect(await inside(copy, "cat a link deep/er/b; stat -c '%a %u:%g' a .; stat -c %h a")).toBe(
      "one\none\ntwo\n640 1000:1000\n700 1000:1000\n2",
    );
    await gone("source", "copy");
  });

  it("that a crash left half is made anew", async () => {
    await inside(await made("source"), "echo whole > a");
    const name = nameOf(desired("half"));
    const Labels = { "tutti.dev/home": HOME };
    await daemon.docker.createVolume({ Name: `${name}-begun`, Labels });
    await daemon.docker.createVolume({ Name: name, Labels });
    await inside(name, "echo half > b");
    expect(await volumes.observe(desired("half"), context)).toBeUndefined();
    expect(await inside(await made("half", { from: { volume: "source" } }), "cat *")).toBe("whole");
    await gone("source", "half");
    expect((await daemon.docker.listVolumes()).Volumes.filter(({ Name }) => Name.startsWith(name))).toEqual(
      [],
    );
  });

  it("leaves no container behind", async () => {
    await made("source");
    await made("copy", { from: { volume: "source" } });
    expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
    await gone("source", "copy");
  });

  it("of a volume that is not there is refused", async () => {
    const error = await refusal(made("copy", { from: { volume: "nowhere" } }));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/The volume 'nowhere' is not one that was made on this engine/);
  });
});

describe("a snapshot", () => {
  const monday = identity("VolumeSnapshot", "monday");

  it("holds what was in the volume when it was taken, is taken once, and outlives the volume", async () => {
    const name = await made("files");
    await inside(name, "head -c 300000 /dev/urandom > a; echo before > b");
    const first = await volumes.snapshot(desired("files"), monday, context);
    await inside(name, "echo after > b");
    expect(await volumes.snapshot(desired("files"), monday, context)).toEqual(first);
    expect(first.bytes).toBeGreaterThanOrEqual(300_000);
    await gone("files");
    const restored = await made("restored", { from: { snapshot: "monday" } });
    expect(await inside(restored, "cat b; stat -c %s a")).toBe("before\n300000");
    for (const _again of [1, 2]) await volumes.removeSnapshot(monday, context);
    await gone("restored");
    expect((await daemon.docker.listVolumes()).Volumes.map(({ Name }) => Name)).toEqual(["theirs"]);
  });

  it("of an adopted volume can be taken", async () => {
    await volumes.snapshot(desired("ours", { adopt: "theirs" }), monday, context);
    expect(await inside(snapshotName(HOME, monday), "cat a")).toBe("before");
    await volumes.removeSnapshot(monday, context);
  });

  it("that another one of its name left is neither taken for it nor removed with it", async () => {
    await made("files");
    const other = identity("VolumeSnapshot", "monday", "another-uid");
    await volumes.snapshot(desired("files"), other, context);
    expect(await refusal(volumes.snapshot(desired("files"), monday, context))).toBeInstanceOf(TerminalError);
    await volumes.removeSnapshot(monday, context);
    const kept = await daemon.docker.getVolume(snapshotName(HOME, monday)).inspect();
    expect(statSync(kept.Mountpoint).isDirectory()).toBe(true);
    await volumes.removeSnapshot(other, context);
    await gone("files");
  });
});
