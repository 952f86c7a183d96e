/** What the program of an instance finds itself in: an image or its own project, and what it may do there. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Identity, InstanceSpec } from "../../provider/provider.ts";
import { type Daemon, startDaemon } from "./fixtures/daemon.ts";
import {
  type Opened,
  context,
  instanceIdentity,
  instanceSpec,
  lasting,
  linesOf,
  openInstances,
  runIn,
} from "./fixtures/provider.ts";

let daemon: Daemon;
let one: Opened;
beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.close());

beforeEach(() => {
  one = openInstances(daemon);
});
afterEach(async () => {
  await one.provider.forget({ namespace: "default", name: "api" });
  one.provider.close();
});

async function start(spec: InstanceSpec, identity: Identity = instanceIdentity()): Promise<Identity> {
  await one.provider.start(identity, spec, context);
  return identity;
}

const run = (identity: Identity, spec: InstanceSpec, command: string): Promise<string> =>
  runIn(one.provider, identity, spec, command);

describe("a service without an image", () => {
  it("runs its own program in the base image, at its own place, and cannot change it", async () => {
    const project = mkdtempSync(join(tmpdir(), "tutti-project-"));
    mkdirSync(join(project, "node_modules", ".bin"), { recursive: true });
    mkdirSync(join(project, "services", "api"), { recursive: true });
    mkdirSync(join(project, ".tutti"));
    writeFileSync(join(project, ".tutti", "key"), "master");
    const uploads = join(project, ".tutti", "volumes", "uploads");
    mkdirSync(uploads, { recursive: true });
    writeFileSync(join(project, "node_modules", ".bin", "hello"), "#!/bin/sh\necho hello from $PWD\n", {
      mode: 0o755,
    });
    const other = openInstances(daemon, { hidden: [join(project, ".tutti")] });
    const { image: _, ...rest } = instanceSpec({ command: lasting("hello; ls -A /proc/1/cwd") }).run;
    const folder = join(project, "services");
    const volumes = [{ volume: "uploads", path: "/uploads", source: { path: uploads } }];
    const spec = { ...instanceSpec({}), run: { ...rest, folder, volumes, workingDirectory: "api" } };
    const identity = instanceIdentity();
    await other.provider.start(identity, spec, context);
    expect(await linesOf(other.provider.logs(identity, spec, { follow: true }), 1)).toEqual([
      `hello from ${join(folder, "api")}`,
    ]);
    expect(
      await run(identity, spec, `ls ${project}/.tutti; touch ${project}/x 2>&1 || echo refused`),
    ).toMatch(/refused$/);
    expect(await run(identity, spec, `cat ${project}/.tutti/key 2>&1`)).not.toContain("master");
    expect(existsSync(join(project, "x"))).toBe(false);
    // A volume that stands in a hidden folder is seen nevertheless, at both of its places.
    expect(await run(identity, spec, `echo kept > /uploads/note; cat ${uploads}/note`)).toBe("kept");
    other.provider.close();
    await one.provider.forget({ namespace: "default", name: "api" });
    rmSync(project, { recursive: true });
  });

  it("ends when it is asked to though it knows nothing of signals", async () => {
    const project = mkdtempSync(join(tmpdir(), "tutti-project-"));
    const { image: _, ...rest } = instanceSpec({ command: ["sleep", "1000000"] }).run;
    const stop = { signal: "SIGTERM", grace: "10m", drain: "0s" };
    const spec = { ...instanceSpec({}), run: { ...rest, folder: project, stop } };
    const identity = await start(spec);
    await one.provider.stop(identity, spec, context);
    expect(await one.provider.find(identity)).toBeUndefined();
    await one.provider.purge(identity, spec, { keepLog: false });
    rmSync(project, { recursive: true });
  });
});

describe("what a container may and has", () => {
  it("is as declared: user, capabilities, a root that cannot be written, tmpfs, labels, log driver", async () => {
    const spec = instanceSpec({
      command: lasting("true"),
      user: "1000:1000",
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      readOnlyRoot: true,
      tmpfs: [{ path: "/scratch", size: "1Mi" }],
      labels: { "com.example.team": "shop", "tutti.dev/uid": "forged" },
      logging: { driver: "json-file", options: { "max-size": "1m" } },
      workingDirectory: "/scratch",
    });
    const identity = instanceIdentity();
    const { identity: found } = await one.provider.start(identity, spec, context);
    const { HostConfig, Config } = await daemon.docker.getContainer(String(found["container"])).inspect();
    expect(HostConfig).toMatchObject({
      CapAdd: [expect.stringMatching(/^(CAP_)?NET_ADMIN$/)],
      CapDrop: ["ALL"],
      LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
    });
    expect(Config.Labels).toMatchObject({ "com.example.team": "shop", "tutti.dev/uid": identity.uid });
    expect(await run(identity, spec, "id -u; pwd; touch /x 2>/dev/null || echo refused")).toBe(
      "1000\n/scratch\nrefused",
    );
    expect(await run(identity, spec, "head -c 2000000 /dev/zero > /scratch/x 2>/dev/null || echo full")).toBe(
      "full",
    );
  });
});
