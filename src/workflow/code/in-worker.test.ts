/** Code workflows whose code is in a worker process. */
import { describe, expect, it } from "vitest";
import { started, until, workersWith } from "../worker/fixtures/workers.ts";

const PROGRAM = { steps: {}, program: { dialect: "code", definition: { name: "w" } } };

const TEXT = `
  import { existsSync } from "node:fs";
  const add = handler("add", ({ a, b }: { a: number; b: number }) => a + b);
  const slow = handler("slow", async () => {
    while (!existsSync(new URL("./go", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10));
    return "went";
  });
  export const handlers = [add, slow];
  export default codeWorkflow("w", async (run, { n }) => {
    const sum = await run.step("add", add, { a: Number(n), b: 1 });
    const went = await run.step("slow", slow, null);
    return { sum, went, chance: run.random() };
  });
`;

describe("code in a worker process", { timeout: 60_000 }, () => {
  it("is run there, and begun again from the start when its process is killed, with what is recorded", async () => {
    const { pool, pids, write } = workersWith(TEXT);
    const { engine } = await started(pool, PROGRAM, { n: 2 });
    const phase = async (): Promise<string | undefined> =>
      (await engine.state("default/run")).steps.get("slow")?.phase;
    while ((await phase()) !== "running") await new Promise((resolve) => setTimeout(resolve, 10));
    for (const pid of pids()) process.kill(pid, "SIGKILL");
    write("go", "");
    const verdict = await engine.result("default/run");
    expect(verdict).toMatchObject({ is: "succeeded", output: { sum: 3, went: "went" } });
    const { steps } = await engine.state("default/run");
    expect(steps.get("add")).toMatchObject({ epoch: 1, lost: 0 });
  });

  it("is told to forget a run that it never ends, once the deadline of its cancellation has passed", async () => {
    const { pool } = workersWith('export default codeWorkflow("w", () => new Promise(() => undefined));');
    const { engine } = await started(pool, PROGRAM);
    await until(() =>
      pool.workers().some(({ handlers, programs }) => handlers.length === 0 && programs === 1),
    );
    await engine.cancel("default/run", "enough", 100);
    expect(await engine.result("default/run")).toEqual({ is: "cancelled", reason: "enough" });
    await until(() => pool.workers().every(({ programs }) => programs === 0));
  });

  it("halts when its module was changed meanwhile so that it does something else", async () => {
    const { pool, pids, write } = workersWith(TEXT);
    const { engine } = await started(pool, PROGRAM, { n: 2 });
    const result = engine.result("default/run");
    result.catch(() => undefined);
    const phase = async (): Promise<string | undefined> =>
      (await engine.state("default/run")).steps.get("slow")?.phase;
    while ((await phase()) !== "running") await new Promise((resolve) => setTimeout(resolve, 10));
    write("handlers.ts", TEXT.replace("a: Number(n), b: 1", "a: Number(n), b: 2"));
    const old = pids();
    await until(() => pool.workers().some(({ isDraining }) => isDraining));
    for (const pid of old) process.kill(pid, "SIGKILL");
    await expect(result).rejects.toThrow(/Recorded as the 1st: `add` .*the code now asks for `add`/s);
  });
});
