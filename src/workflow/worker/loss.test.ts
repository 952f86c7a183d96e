/** Workers that die, hang or are blocked, as real processes: who is harmed, and whose retries are used up. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Workers, started, until, workersWith } from "./fixtures/workers.ts";

const TIME = 60_000;
const MARKS = `
  import { appendFileSync, existsSync, readFileSync } from "node:fs";
  const mark = (name: string): number => {
    const file = new URL("./" + name + ".mark", import.meta.url);
    appendFileSync(file, process.pid + "\\n");
    return readFileSync(file, "utf8").trim().split("\\n").length;
  };
`;

describe("a worker process", { timeout: TIME }, () => {
  it("that is killed loses its attempts, which run again elsewhere, free of their retries", async () => {
    const workers = workersWith(`${MARKS}
      export const once = handler("once", async (_input, { attempt }) => {
        if (mark("once") === 1) await new Promise(() => setInterval(() => undefined, 1000));
        return { attempt, pid: process.pid };
      });
    `);
    const { engine } = await started(workers.pool, { steps: { a: { type: "function", handler: "once" } } });
    await began(workers, "once");
    const [killed = 0] = workers.pids();
    process.kill(killed, "SIGKILL");
    const verdict = await engine.result("default/run");
    expect(verdict).toMatchObject({ is: "succeeded", output: { a: { attempt: 2 } } });
    const { steps } = await engine.state("default/run");
    expect(steps.get("a")).toMatchObject({ lost: 1, counted: 0, epoch: 2 });
    expect((verdict as { output: { a: { pid: number } } }).output.a.pid).not.toBe(killed);
  });

  it("that is stopped by the system loses them when its lease has run out", async () => {
    const workers = workersWith(
      `${MARKS}
      export const slow = handler("slow", () => mark("slow") === 1 ? new Promise(() => setInterval(() => undefined, 1000)) : "again");`,
      { lease: 2000 },
    );
    const { engine } = await started(workers.pool, { steps: { a: { type: "function", handler: "slow" } } });
    await began(workers, "slow");
    const [stopped = 0] = workers.pids();
    process.kill(stopped, "SIGSTOP");
    expect(await engine.result("default/run")).toMatchObject({ is: "succeeded", output: { a: "again" } });
    expect(workers.log).toContain("worker is gone: its lease has run out");
    // It does not linger.
    await until(() => !isAlive(stopped));
  });

  it("whose memory is used up by a handler is another the next time", async () => {
    const { execute, failure } = workersWith(`
      export const hoard = handler("hoard", () => { const all: unknown[] = []; for (;;) all.push(new Array(1_000_000).fill(all.length)); });
      export const fine = handler("fine", () => "fine");
    `);
    expect(await failure("hoard")).toMatchObject({ class: "InfraLost" });
    expect(await execute("fine")).toBe("fine");
  });

  it("goes with the process that started it", async () => {
    const { pool, pids, execute } = workersWith(`export const fine = handler("fine", () => "fine");`);
    await execute("fine");
    const [pid = 0] = pids();
    await pool.stop();
    await until(() => !isAlive(pid));
  });
});

describe("a handler that blocks its thread", { timeout: TIME }, () => {
  const BLOCKING = `${MARKS}
    const block = (ms: number): void => { const end = Date.now() + ms; while (Date.now() < end); };
    export const blocking = handler("blocking", () => block(600_000));
    export const later = handler("later", async () => { await new Promise((resolve) => setTimeout(resolve, 20)); block(600_000); });
    export const neighbour = handler("neighbour", async (_input, { attempt }) => {
      if (mark("neighbour") === 1) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return attempt;
    });
    export const stubborn = handler("stubborn", async (_input, { attempt }) => {
      if (mark("stubborn") < 3) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return attempt;
    });
    export const quick = handler("quick", () => "quick");
    export const busy = handler("busy", () => { block(1500); return "done"; });
  `;

  it("is ended when others wait, fails by its name, and its neighbours run again free of their retries", async () => {
    const workers = workersWith(BLOCKING, { patience: 1000, processes: 1 });
    const { engine } = await started(workers.pool, {
      steps: { n: { type: "function", handler: "neighbour" } },
    });
    await began(workers, "neighbour");
    const told = await workers.failure("blocking");
    expect(told).toMatchObject({ class: "Retryable", error: "HandlerBlocked" });
    expect(told.message).toContain("'blocking'");
    expect(await engine.result("default/run")).toMatchObject({ is: "succeeded", output: { n: 2 } });
    expect((await engine.state("default/run")).steps.get("n")).toMatchObject({ lost: 1, counted: 0 });
  });

  it("is found also when it blocks after it gave way: the second time it happens", async () => {
    const { pool, execute } = workersWith(BLOCKING, { patience: 1000, processes: 1 });
    const { engine } = await started(pool, {
      steps: {
        a: {
          type: "function",
          handler: "later",
          catch: [
            { errors: ["HandlerBlocked"], do: { steps: { told: { type: "pass" } }, output: "${error}" } },
          ],
        },
        n: { type: "function", handler: "stubborn" },
      },
    });
    expect(await engine.result("default/run")).toMatchObject({
      is: "succeeded",
      output: { a: { error: "HandlerBlocked", class: "Retryable" }, n: 3 },
    });
    expect((await engine.state("default/run")).steps.get("a")).toMatchObject({ lost: 1, counted: 1 });
    expect(await execute("quick")).toBe("quick");
  });

  it("may do so as long as nobody waits for its thread", async () => {
    const { execute } = workersWith(BLOCKING, { patience: 1000 });
    expect(await execute("busy")).toBe("done");
  });

  it("is ended when its attempt has timed out, though nobody waited", async () => {
    const { pool, execute } = workersWith(BLOCKING, { patience: 1000 });
    const { engine } = await started(pool, {
      steps: { a: { type: "function", handler: "blocking", timeouts: { attempt: "200ms" } } },
    });
    expect(await engine.result("default/run")).toMatchObject({
      is: "failed",
      failure: { class: "Timeout" },
    });
    await until(() => pool.workers().every(({ busy }) => busy === 0));
    expect(await execute("quick")).toBe("quick");
  });
});

/** The handler has left its mark: it runs. */
async function began({ folder }: Workers, name: string): Promise<void> {
  await until(() => existsSync(join(folder, `${name}.mark`)));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
