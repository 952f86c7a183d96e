/** Pods in containers of a real engine that goes away in the middle of what it is asked, whatever that is. */
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { type Daemon, IMAGE, startDaemon } from "../../../providers/docker/fixtures/daemon.ts";
import { execute } from "../fixtures/pod-attempt.ts";
import type { Pod } from "./work.ts";

const LONG = 120_000;

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon({ liveRestore: true });
}, LONG);
afterAll(() => daemon.close());

const pod: Pod = {
  argo: "pod",
  workflow: "run",
  namespace: "test",
  node: "main",
  template: "main",
  init: [],
  main: [
    {
      name: "main",
      image: IMAGE,
      command: ["sh"],
      arguments: [],
      environment: [],
      source: "cat /in/deep/text && printf out > /tmp/p",
      mounts: [],
    },
  ],
  sidecars: [],
  volumes: [],
  inputs: [{ name: "text", path: "/in/deep/text", raw: { data: "in" } }],
  outputs: { parameters: [{ name: "p", path: "/tmp/p" }], artifacts: [] },
};

it.each([
  ["to make the container", "create *"],
  ["to take its script", "cp *argo *:/"],
  ["to take the folders of an input", "cp *in-*/. *:/"],
  ["to take an input", "cp *:/in/deep/text"],
  ["to start it", "start *"],
  ["for a file of it", "cp *:/tmp/p *"],
  ["to remove it", "rm *"],
])(
  "an engine that goes away when it is asked %s is waited for, and nothing is lost or left",
  async (_asked, words) => {
    const folder = mkdtempSync(join(tmpdir(), "argo-docker-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [held, go] = [join(folder, "held"), join(folder, "go")];
    const docker = join(folder, "docker");
    // Waits once, before it asks that.
    writeFileSync(
      docker,
      `#!/bin/sh\ncase "$*" in ${words.replaceAll(" ", "\\ ")}) mkdir ${held} 2>/dev/null && until [ -e ${go} ]; do sleep 0.05; done;; esac\nexec docker "$@"\n`,
    );
    chmodSync(docker, 0o755);
    const waitedFor = Promise.withResolvers<void>();
    const said: string[] = [];
    const { endpoint } = daemon;
    const outcome = execute(folder, pod, {
      docker,
      containers: () => Promise.resolve({ is: "docker", endpoint }),
      log: (line) => {
        said.push(line);
        if (line.includes("engine is waited for")) waitedFor.resolve();
      },
    });
    await vi.waitUntil(() => existsSync(held), LONG);
    await daemon.kill();
    writeFileSync(go, "");
    await waitedFor.promise;
    await daemon.start();
    expect(await outcome, said.join("\n")).toMatchObject({
      exitCode: 0,
      result: "in",
      parameters: { p: "out" },
    });
    expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
  },
  LONG,
);
