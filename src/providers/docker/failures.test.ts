/** What goes wrong is said in one sentence, leaves nothing behind, and is over when its cause is. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InstanceSpec, TerminalError } from "../../provider/provider.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import {
  context,
  instanceIdentity,
  instanceSpec,
  keyring,
  lasting,
  leftovers,
  openInstances,
} from "./fixtures/provider.ts";

type Run = Partial<InstanceSpec["run"]>;

describe("a declaration that the engine refuses", () => {
  let daemon: Daemon;
  beforeAll(async () => {
    daemon = await startDaemon();
  });
  afterAll(() => daemon.close());

  const cases: readonly (readonly [string, Run, string, RegExp])[] = [
    [
      "an image that nobody has",
      { image: "tutti.test/missing:1", pull: { policy: "never" } },
      "ImageNotFound",
      /no image 'tutti.test\/missing:1'.*never/,
    ],
    [
      "a command that is not there",
      { command: ["missing"] },
      "CommandNotFound",
      /'missing' is not in the image/,
    ],
    [
      "a file that is no program",
      { command: ["/etc/passwd"] },
      "CommandNotExecutable",
      /'\/etc\/passwd' cannot/,
    ],
    ["a user that is not there", { user: "nobody-here" }, "UnknownUser", /knows no user 'nobody-here'/],
    [
      "a user that is to own files",
      { user: "nobody-here", files: [{ path: "/x", content: "", mode: "0400" }] },
      "UnknownUser",
      /knows no user/,
    ],
    ["GPUs where there are none", { gpus: "all" }, "NoGpu", /no GPUs/],
    [
      "a capability that does not exist",
      { capabilities: { add: ["FLY"], drop: [] } },
      "UnknownCapability",
      /no Linux capability '(CAP_)?FLY'/,
    ],
    [
      "less memory than a container takes",
      { resources: { memory: "1Mi" } },
      "MemoryTooSmall",
      /less memory than 6MB/,
    ],
    [
      "two things at one place",
      { tmpfs: [{ path: "/x" }], files: [{ path: "/x", content: "", mode: "0400" }] },
      "DuplicatePath",
      /'\/x'/,
    ],
  ];
  it.each(cases)("for %s is told what to change, and leaves nothing", async (_, run, code, message) => {
    const { provider } = openInstances(daemon);
    const spec = instanceSpec({ command: lasting("true"), ...run });
    const refusal = await provider.start(instanceIdentity(), spec, context).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(TerminalError);
    expect((refusal as TerminalError).diagnostic).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await leftovers(daemon)).toEqual([]);
    provider.close();
  });

  it("shows no secret, neither in what is said nor in what the daemon logs", async () => {
    const { provider } = openInstances(daemon);
    const env = { PASSWORD: keyring.seal("tell-nobody") };
    const spec = instanceSpec({ command: ["missing", "$(PASSWORD)"], env });
    await expect(provider.start(instanceIdentity(), spec, context)).rejects.not.toThrow(/tell-nobody/);
    provider.close();
  });

  it("is known before a plan is carried out where it names no image and the engine is elsewhere", async () => {
    const { provider } = openInstances(daemon, { endpoint: "tcp://elsewhere.test:2376" });
    const prospect = {
      namespace: "default",
      name: "api",
      spec: { command: "node server.js" },
      folder: "/srv",
    };
    expect(await provider.obstacles(prospect)).toMatchObject([{ code: "NeedsImage", path: "spec.image" }]);
    expect(await provider.obstacles({ ...prospect, spec: { image: "x" } })).toEqual([]);
    const { image: _, ...run } = instanceSpec({ command: "node server.js" }).run;
    expect(run).toBeDefined();
    provider.close();
  });

  it("that takes its time is given up with who waits for it", async () => {
    const { provider } = openInstances(daemon);
    const identity = instanceIdentity();
    const spec = instanceSpec({ command: lasting("true") });
    daemon.freeze();
    const control = new AbortController();
    const starting = provider.start(identity, spec, { ...context, signal: control.signal });
    control.abort(new Error("the control plane ends"));
    await expect(starting).rejects.toThrow("the control plane ends");
    daemon.thaw();
    await provider.start(identity, spec, context);
    expect(await provider.find(identity)).toBeDefined();
    await provider.purge(identity, spec, { keepLog: false });
    expect(await leftovers(daemon)).toEqual([]);
    provider.close();
  });
});

describe("an engine whose disk is full", () => {
  let daemon: Daemon;
  let disk: string;
  beforeAll(async () => {
    disk = mkdtempSync(join(tmpdir(), "tutti-disk-"));
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", disk]).status).toBe(0);
    daemon = await startDaemon({ dataRoot: join(disk, "data") });
  });
  afterAll(async () => {
    await daemon.close();
    expect(spawnSync("umount", [disk]).status).toBe(0);
    rmSync(disk, { recursive: true });
  });

  it("says so, and starts what is wanted when there is room again", async () => {
    const { provider } = openInstances(daemon);
    const identity = instanceIdentity();
    const spec = instanceSpec({ command: lasting("true") });
    const ballast = join(disk, "ballast");
    fill(ballast);
    await expect(provider.start(identity, spec, context)).rejects.toThrow(
      "The disk of the container engine is full",
    );
    rmSync(ballast);
    await provider.start(identity, spec, context);
    expect(await provider.find(identity)).toBeDefined();
    provider.close();
  });
});

/** To the last byte. */
function fill(path: string): void {
  for (let size = 2 ** 24, part = Buffer.alloc(size); size >= 1;) {
    const { bavail, bsize } = statfsSync(join(path, ".."));
    if (bavail === 0) return;
    size = Math.min(size, bavail * bsize);
    part = part.subarray(0, size);
    writeFileSync(path, part, { flag: "a" });
  }
}
