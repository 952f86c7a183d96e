/** Modules that change, fail and are mended while steps wait for them and run in them. */
import { describe, expect, it } from "vitest";
import { started, until, workersWith } from "./fixtures/workers.ts";

const TIME = 60_000;

describe("a module of handlers", { timeout: TIME }, () => {
  it("that changes is served by a new process; what runs in the old one ends there", async () => {
    const { pool, execute, write, pids, lines } = workersWith(`
      import { existsSync } from "node:fs";
      export const version = handler("version", () => "one");
      export const slow = handler("slow", async (_input, { log }) => {
        log("began");
        while (!existsSync(new URL("./go", import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10));
        return "finished by one";
      });
    `);
    expect(await execute("version")).toBe("one");
    const running = execute("slow");
    await until(() => lines.includes("began"));
    const [old] = pids();
    write("handlers.ts", `export const version = handler("version", () => "two");`);
    await until(() => pool.workers().some(({ isDraining }) => isDraining));
    expect(await execute("version")).toBe("two");
    expect(pids()).toContain(old);
    write("go", "");
    expect(await running).toBe("finished by one");
    await until(() => !pids().includes(old ?? 0));
  });

  it("is replaced also when a file that it imports changes", async () => {
    const { execute, write } = workersWith(`
      import { answer } from "./answer.ts";
      export const ask = handler("ask", () => answer);
    `);
    write("answer.ts", "export const answer: string = 'old';");
    const first = await execute("ask");
    write("answer.ts", "export const answer: string = 'new';");
    let answer = first;
    while (answer === first) answer = await execute("ask");
    expect([first, answer]).toEqual(["old", "new"]);
  });

  it("that cannot be loaded is a problem with its place, and is loaded again when it is mended", async () => {
    const { pool, write, module } = workersWith(`throw new Error("no database");`);
    const { engine } = await started(pool, { steps: { a: { type: "function", handler: "late" } } });
    await until(() => pool.problems().length > 0);
    const [problem] = pool.problems();
    expect(problem).toMatchObject({
      code: "ModuleFailed",
      module,
      workflows: [{ namespace: "default", workflow: "w" }],
    });
    expect(problem?.message).toContain("no database");
    expect(problem?.stack).toContain("handlers.ts:2");
    write("handlers.ts", `export const late = handler("late", () => "mended");`);
    expect(await engine.result("default/run")).toMatchObject({ is: "succeeded", output: { a: "mended" } });
    expect(pool.problems()).toEqual([]);
  });

  it("that is spoilt by a change goes on as it was before", async () => {
    const { pool, execute, write } = workersWith(`export const fine = handler("fine", () => "old");`);
    expect(await execute("fine")).toBe("old");
    write("handlers.ts", "export const fine = handler(;");
    await until(() => pool.problems().length > 0);
    expect(pool.problems()[0]?.code).toBe("ModuleFailed");
    expect(await execute("fine")).toBe("old");
  });

  it("that lacks a handler which steps wait for is a problem that names the nearest", async () => {
    const { pool, write } = workersWith(`export const charge = handler("charge", () => 1);`);
    const { engine } = await started(pool, { steps: { a: { type: "function", handler: "chrage" } } });
    await until(() => pool.problems().length > 0);
    expect(pool.problems()[0]).toMatchObject({ code: "NoHandler", hint: "Did you mean 'charge'?" });
    write("handlers.ts", `export const chrage = handler("chrage", () => "there now");`);
    expect(await engine.result("default/run")).toMatchObject({ output: { a: "there now" } });
  });

  it("may end its process while it is loaded: that is a problem, and nothing else is harmed", async () => {
    const { pool, execute, write } = workersWith(`process.kill(process.pid, "SIGKILL");`);
    const waiting = execute("fine");
    await until(() => pool.problems().length > 0);
    expect(pool.problems()[0]).toMatchObject({ code: "WorkerEnded" });
    expect(pool.problems()[0]?.message).toContain("SIGKILL");
    write("handlers.ts", `export const fine = handler("fine", () => "fine");`);
    expect(await waiting.catch(() => execute("fine"))).toBe("fine");
  });
});
