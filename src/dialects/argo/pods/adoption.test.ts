import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { execute } from "../fixtures/pod-attempt.ts";
import type { Pod } from "./work.ts";

const folder = mkdtempSync(join(tmpdir(), "argo-adoption-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [counted, go, file] = ["counted", "go", "pod.json"].map((name) => join(folder, name));
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
      image: "",
      command: ["sh", "-c"],
      arguments: [`echo x >> ${counted}; until [ -e ${go} ]; do sleep 0.01; done; echo done > /tmp/p`],
      environment: [],
      mounts: [],
    },
  ],
  sidecars: [],
  volumes: [],
  inputs: [],
  outputs: { parameters: [{ name: "p", path: "/tmp/p" }], artifacts: [] },
};

it("a pod whose process of ours was killed goes on, is found again, and is not started twice", async () => {
  writeFileSync(file ?? "", JSON.stringify(pod));
  const program = join(import.meta.dirname, "../fixtures/pod-attempt.ts");
  const first = spawn(process.execPath, [program, folder, file ?? ""], { stdio: "ignore" });
  const killed = new Promise((resolve) => first.once("exit", (_code, signal) => resolve(signal)));
  await until(() => readFileSync(counted ?? "", "utf8") === "x\n");
  first.kill("SIGKILL");
  expect(await killed).toBe("SIGKILL");
  const second = execute(folder, pod);
  writeFileSync(go ?? "", "");
  expect(await second).toMatchObject({ exitCode: 0, parameters: { p: "done" } });
  // Its end was noted: whoever asks once more is told the same.
  expect(await execute(folder, pod)).toMatchObject({ exitCode: 0, parameters: { p: "done" } });
  expect(readFileSync(counted ?? "", "utf8")).toBe("x\n");
}, 30_000);

async function until(holds: () => boolean): Promise<void> {
  for (;;) {
    try {
      if (holds()) return;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
