/** What handlers may do, and what becomes of it; all in a real worker process. */
import { describe, expect, it } from "vitest";
import { until, workersWith } from "./fixtures/workers.ts";

const TIME = 60_000;

describe("a handler in a worker process", { timeout: TIME }, () => {
  it("is given its input and context, and its result is the step's", async () => {
    const { execute, lines } = workersWith(`
      export const add = handler("add", async ({ a, b }: { a: number; b: number }, context) => {
        context.heartbeat();
        context.log("adding");
        return { sum: a + b, key: context.idempotencyKey, run: context.run, step: context.step, attempt: context.attempt, pid: process.pid };
      });
      export const nothing = handler("nothing", () => undefined);
    `);
    const result = await execute("add", { a: 1, b: 2 });
    expect(result).toMatchObject({ sum: 3, key: "key-1", run: "default/run", step: "step", attempt: 1 });
    expect((result as { pid: number }).pid).not.toBe(process.pid);
    expect(lines).toEqual(["(heartbeat)", "adding"]);
    expect(await execute("nothing")).toBeNull();
  });

  it("is named with its version; without one the newest is meant", async () => {
    const { execute } = workersWith(`
      export const handlers = [
        handler("charge", { version: "9" }, () => "nine"),
        handler("charge", { version: "10" }, () => "ten"),
      ];
    `);
    expect(await execute("charge")).toBe("ten");
    expect(await execute("charge@9")).toBe("nine");
  });

  it("says which class its failure is, with details; what it throws otherwise may be tried again", async () => {
    const { failure } = workersWith(`
      class CardDeclined extends TerminalError {}
      export const terminal = handler("terminal", () => { throw new CardDeclined("No.", { details: { code: 51 } }); });
      export const named = handler("named", async () => { throw new RetryableError("Later.", { name: "Busy" }); });
      export const plain = handler("plain", () => { throw new RangeError("Too far."); });
      export const lost = handler("lost", () => { throw Object.assign(new Error("x"), { failure: { class: "InfraLost" } }); });
    `);
    expect(await failure("terminal")).toEqual({
      class: "Terminal",
      error: "CardDeclined",
      message: "No.",
      details: { code: 51 },
    });
    expect(await failure("named")).toMatchObject({ class: "Retryable", error: "Busy", message: "Later." });
    expect(await failure("plain")).toMatchObject({ class: "Retryable", error: "RangeError" });
    expect(await failure("lost")).toMatchObject({ class: "Retryable", error: "Error" });
  });

  it("may throw anything", async () => {
    const { failure, execute } = workersWith(`
      const things = {
        null: null, undefined: undefined, text: "just text", number: 7, symbol: Symbol("s"), frozen: Object.freeze(new Error("cold")),
        getters: { get name() { throw new Error("n"); }, get message() { throw new Error("m"); }, get stack() { throw new Error("s"); } },
        proxy: new Proxy({}, { get() { throw new Error("p"); }, has() { throw new Error("p"); } }),
        long: new Error("x".repeat(1_000_000)), cycle: (() => { const c: Record<string, unknown> = {}; c.c = c; return c; })(),
      };
      export const throwing = handler("throwing", ({ what }: { what: keyof typeof things }) => { throw things[what]; });
      export const rejecting = handler("rejecting", async ({ what }: { what: keyof typeof things }) => { throw things[what]; });
      export const fine = handler("fine", () => "fine");
    `);
    for (const what of "null undefined text number symbol frozen getters proxy long cycle".split(" "))
      for (const name of ["throwing", "rejecting"]) {
        const told = await failure(name, { what });
        expect(told, what).toMatchObject({ class: "Retryable" });
        expect(told.message.length).toBeLessThan(20_000);
      }
    expect(await failure("throwing", { what: "text" })).toMatchObject({ message: "just text" });
    expect(await execute("fine")).toBe("fine");
  });

  it("may give what is no JSON, or too much of it: the step fails for good, with the reason", async () => {
    const { failure } = workersWith(`
      export const big = handler("big", () => ({ n: 1n }));
      export const cycle = handler("cycle", () => { const c: Record<string, unknown> = {}; c.c = c; return c; });
      export const hostile = handler("hostile", () => ({ toJSON() { throw null; } }));
      export const large = handler("large", () => "x".repeat(100_000_000));
    `);
    expect(await failure("big")).toMatchObject({ class: "Terminal", error: "InvalidResult" });
    expect((await failure("big")).message).toMatch(/The result of the handler 'big' is not JSON: .*BigInt/);
    expect(await failure("cycle")).toMatchObject({ error: "InvalidResult" });
    expect(await failure("hostile")).toMatchObject({ error: "InvalidResult" });
    expect(await failure("large")).toMatchObject({ class: "Terminal", error: "ResultTooLarge" });
  });

  it("is called only with input that fits its schema, with the schema's defaults, and gives what fits", async () => {
    const { execute, failure } = workersWith(`
      export const zod = handler("zod", { input: z.object({ n: z.number(), unit: z.string().default("EUR") }) }, (input) => input);
      export const json = handler("json", { input: { type: "object", properties: { n: { type: "number" } }, required: ["n"] } }, (input) => input);
      export const wrong = handler("wrong", { result: z.object({ n: z.number() }) }, () => ({ n: "1" }) as never);
    `);
    expect(await execute("zod", { n: 1 })).toEqual({ n: 1, unit: "EUR" });
    expect(await failure("zod", { n: "1" })).toMatchObject({ class: "Terminal", error: "InvalidInput" });
    expect((await failure("zod", { n: "1" })).message).toContain("n: ");
    expect(await failure("json", {})).toMatchObject({ class: "Terminal", error: "InvalidInput" });
    expect(await failure("wrong")).toMatchObject({ class: "Terminal", error: "InvalidResult" });
  });

  it("may try to end its process: its attempt fails, its neighbours go on", async () => {
    const { execute, failure } = workersWith(`
      export const exit = handler("exit", async () => { await null; process.exit(3); });
      export const slow = handler("slow", () => new Promise((resolve) => setTimeout(resolve, 300, "done")));
    `);
    const neighbour = execute("slow");
    expect(await failure("exit")).toMatchObject({ class: "Retryable", error: "ProcessExit" });
    expect(await neighbour).toBe("done");
  });

  it("may leave rejections and exceptions behind: they are told to the attempt they come from", async () => {
    const { execute, failure, lines } = workersWith(`
      export const leaky = handler("leaky", async () => { void Promise.reject(new Error("leaked")); await new Promise((r) => setTimeout(r, 50)); return 1; });
      export const late = handler("late", () => new Promise(() => setTimeout(() => { throw new Error("thrown in a timer"); }, 1)));
    `);
    expect(await execute("leaky")).toBe(1);
    expect(lines.join("\n")).toContain("leaked");
    expect(await failure("late")).toMatchObject({ message: "thrown in a timer" });
  });

  it("has where it threw in its log, unless it says the class of its failure", async () => {
    const { failure, lines } = workersWith(`
      export const careless = handler("careless", async () => { await null; throw new Error("kaboom"); });
      export const meant = handler("meant", async () => { throw new TerminalError("no", { name: "No" }); });
    `);
    expect(await failure("meant")).toMatchObject({ error: "No" });
    expect(lines).toEqual([]);
    expect(await failure("careless")).toMatchObject({ message: "kaboom" });
    expect(lines[0]).toBe("Error: kaboom");
    expect(lines[1]).toMatch(/^ {4}at .*\.ts:\d+:\d+/);
    expect(lines.join("\n")).not.toContain("/worker/attempts");
  });

  it("prints into the log of its own attempt", async () => {
    const { execute, lines } = workersWith(`
      export const chatty = handler("chatty", async ({ n }: { n: number }) => {
        console.log("first of", n);
        await new Promise((resolve) => setTimeout(resolve, 5));
        process.stdout.write("second\\nthird of " + n + "\\n");
        console.error("an error of", n);
      });
    `);
    await execute("chatty", { n: 1 });
    expect(lines).toEqual(["first of 1", "second", "third of 1", "an error of 1"]);
  });

  it("is told when its result is no longer wanted", async () => {
    const { execute, pool } = workersWith(`
      export const patient = handler("patient", (_input, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("stopped"))));
    `);
    const stop = new AbortController();
    const running = execute("patient", undefined, { signal: stop.signal });
    await until(() => pool.workers().some(({ busy }) => busy === 1));
    stop.abort();
    expect(await running).toBe("stopped");
  });

  it("that does not stop gives its place back after a while", async () => {
    const { execute, pool } = workersWith(
      `export const deaf = handler("deaf", () => new Promise(() => setInterval(() => undefined, 1000)));
       export const fine = handler("fine", () => "fine");`,
      { grace: 200, slots: 1, processes: 1 },
    );
    const stop = new AbortController();
    const running = execute("deaf", undefined, { signal: stop.signal });
    await until(() => pool.workers().some(({ busy }) => busy === 1));
    stop.abort();
    await expect(running).rejects.toMatchObject({ failure: { error: "NotStopped" } });
    expect(await execute("fine")).toBe("fine");
  });
});
