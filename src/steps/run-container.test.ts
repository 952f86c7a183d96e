import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type Daemon, IMAGE, startDaemon } from "../providers/docker/fixtures/daemon.ts";
import { openInstances } from "../providers/docker/fixtures/provider.ts";
import type { DockerInstances } from "../providers/docker/instances.ts";
import { type Here, RUN, everythingIn, keyring, openHere, readSecret } from "./fixtures/here.ts";
import { runSteps } from "./run.ts";

let daemon: Daemon;
let folder: string;
let here: Here;
let provider: DockerInstances;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tutti-run-container-"));
  ({ provider } = openInstances(daemon, { home: folder }));
  here = await openHere({
    folder,
    instances: [provider],
    steps: ({ store, executions }) => ({ run: runSteps({ store, keyring, executions, readSecret }) }),
  });
});
afterEach(async () => {
  await here.close();
  provider.close();
  rmSync(folder, { recursive: true, force: true });
});

const shell = (script: string, more: object = {}): object => ({
  type: "run",
  image: IMAGE,
  command: ["/bin/sh", "-c", script],
  ...more,
});

async function running(): Promise<string> {
  for (;;) {
    const [found] = await daemon.docker.listContainers();
    if (found !== undefined) return found.Id;
    await sleep(20);
  }
}

/** Waits, and heeds SIGTERM: as the first process of a container a shell that does not say so ignores it. */
const WAITING = "trap 'exit 143' TERM; sleep 1000 & wait";

it("gives exit code, output, input and files of a container, and leaves none", async () => {
  const verdict = await here.run({
    a: shell("cat; echo oops >&2; echo left >/tmp/file; exit 3", {
      input: "hello $(HOME)\n",
      output: "text",
      files: { left: { path: "/tmp/file" }, relative: { path: "tmp/file" } },
      exitCodes: { success: [3] },
      environment: { KEY: "${secret.stripe.key}" },
    }),
  });
  expect(verdict).toEqual({
    is: "succeeded",
    output: { a: { exitCode: 3, output: "hello $(HOME)", files: { left: "left\n", relative: "left\n" } } },
  });
  expect([...(await here.log("a"))].sort()).toEqual(["hello $(HOME)", "oops"]);
  expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
  expect(everythingIn(folder)).not.toContain("hunter2");
});

it("runs again, its retries unspent, when its container is killed or removed", async () => {
  await here.start({ a: shell(WAITING) });
  for (const end of ["kill", "remove"] as const) {
    const container = daemon.docker.getContainer(await running());
    if (end === "kill") await container.kill();
    else await container.remove({ force: true });
    while ((await container.inspect().catch(() => undefined)) !== undefined) await sleep(20);
  }
  await running();
  const step = (await here.engine.state(RUN)).steps.get("a");
  expect(step).toMatchObject({ counted: 0, lost: 2 });
  await here.engine.cancel(RUN, "enough", 60_000);
  expect(await here.engine.result(RUN)).toMatchObject({ is: "cancelled" });
  expect(await daemon.docker.listContainers({ all: true })).toEqual([]);
});

it("runs again, its retries unspent, when its engine dies and takes it along", async () => {
  await here.start({ a: shell(WAITING) });
  const first = await running();
  await daemon.kill();
  await daemon.start();
  for (let lost = 0; lost === 0;) {
    await sleep(50);
    lost = (await here.engine.state(RUN)).steps.get("a")?.lost ?? 0;
  }
  expect(await running()).not.toBe(first);
  expect((await here.engine.state(RUN)).steps.get("a")).toMatchObject({ counted: 0, lost: 1 });
  await here.engine.cancel(RUN, "enough", 60_000);
  expect(await here.engine.result(RUN)).toMatchObject({ is: "cancelled" });
});

it("is told apart when its memory limit killed it, and when it cannot be started", async () => {
  const failing = async (id: string, step: object): Promise<unknown> => {
    const verdict = await here.run({ a: step }, {}, id);
    return "failure" in verdict ? verdict.failure : verdict;
  };
  expect(
    await failing("default/hog", shell("x=x; while :; do x=$x$x; done", { resources: { memory: "16Mi" } })),
  ).toMatchObject({ class: "Retryable", error: "OutOfMemory" });
  expect(await failing("default/none", { type: "run", image: IMAGE, command: ["/no/such"] })).toMatchObject({
    class: "Terminal",
    error: "CommandNotFound",
  });
});
