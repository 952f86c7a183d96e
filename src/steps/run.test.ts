import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock/clock.ts";
import type { Draft } from "../model/resource.ts";
import { localProviders } from "../providers/local/index.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { programSpec } from "../workflow/step/program.ts";
import { endStrays } from "../workflow/step/strays.ts";
import type { RunEvent } from "../workflow/run/events.ts";
import { type Here, RUN, everythingIn, keyring, openHere, readSecret } from "./fixtures/here.ts";
import { runSteps } from "./run.ts";

let folder: string;
let here: Here | undefined;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "tutti-run-step-"))));
afterEach(async () => {
  await here?.close();
  here = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<Here> {
  here = await openHere({
    folder,
    steps: ({ store, executions }) => ({ run: runSteps({ store, keyring, executions, readSecret }) }),
  });
  return here;
}

const shell = (script: string, more: object = {}): object => ({
  type: "run",
  command: ["/bin/sh", "-c", script],
  directory: folder,
  ...more,
});

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
}

const written = (name: string): Promise<string> =>
  until(() => {
    const file = join(folder, name);
    return existsSync(file) && readFileSync(file, "utf8").endsWith("\n")
      ? readFileSync(file, "utf8").trim()
      : undefined;
  });

async function eventsOf(opened: Here): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const { event } of opened.engine.events(RUN)) events.push(event);
  return events;
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe("a program that is run", () => {
  it("gives its exit code, what it printed, and files that it left", async () => {
    const opened = await open();
    const steps = {
      text: shell("echo one; echo two; echo oops >&2", { output: "text" }),
      lines: shell("printf 'one\\ntwo'", { output: "lines" }),
      json: shell(`echo '{"n":'; echo 3}`, { output: "json" }),
      none: shell("echo unseen; exit 3", { exitCodes: { success: [3] } }),
      files: shell(`echo text >a.txt; echo '[1]' >b.json`, {
        files: { a: { path: "a.txt" }, b: { path: "b.json", format: "json" } },
      }),
    };
    expect(await opened.run(steps)).toEqual({
      is: "succeeded",
      output: {
        text: { exitCode: 0, output: "one\ntwo", files: {} },
        lines: { exitCode: 0, output: ["one", "two"], files: {} },
        json: { exitCode: 0, output: { n: 3 }, files: {} },
        none: { exitCode: 3, output: null, files: {} },
        files: { exitCode: 0, output: null, files: { a: "text\n", b: [1] } },
      },
    });
    expect([...(await opened.log("text"))].sort()).toEqual(["one", "oops", "two"]);
  });

  it("is told who it is, and given its input; its words are taken as they are written", async () => {
    const opened = await open();
    const verdict = await opened.run({
      a: {
        type: "run",
        command: [
          "/bin/sh",
          "-c",
          'cat; echo; echo "$@"; env | grep "^TUTTI_[RSAI]"',
          "sh",
          "$(HOME)",
          "$$(HOME)",
          "a  b",
        ],
        input: { name: "ann" },
        output: "lines",
      },
    });
    expect(verdict).toMatchObject({ is: "succeeded" });
    const { output } = (verdict as unknown as { output: { a: { output: string[] } } }).output.a;
    expect(output.slice(0, 2)).toEqual(['{"name":"ann"}', "$(HOME) $$(HOME) a  b"]);
    expect(
      output
        .slice(2)
        .filter(
          (line) =>
            !line.startsWith("TUTTI_ID=") &&
            !line.startsWith("TUTTI_INSTANCE=") &&
            !line.startsWith("TUTTI_SERVICE="),
        )
        .sort(),
    ).toEqual([
      "TUTTI_ATTEMPT=1",
      `TUTTI_IDEMPOTENCY_KEY=${RUN}/a`,
      'TUTTI_INPUT={"name":"ann"}',
      `TUTTI_RUN=${RUN}`,
      "TUTTI_STEP=a",
    ]);
  });

  it("leaves nothing behind", async () => {
    const opened = await open();
    await opened.run({ a: shell("echo one", { input: "some input" }) });
    expect(everythingIn(join(folder, "home"))).not.toContain("some input");
    expect(existsSync(join(folder, "home", "instances", "default"))).toBe(true);
  });
});

describe("a program that fails", () => {
  let runs = 0;
  const failing = async (step: object): Promise<unknown> => {
    const verdict = await (here ?? (await open())).run({ a: step }, {}, `default/run-${++runs}`);
    return "failure" in verdict ? verdict.failure : verdict;
  };

  it("is tried again by its exit code, and the failure says what it said last", async () => {
    const opened = await open();
    const verdict = await opened.run({
      a: shell("echo x >>tries; echo this is why >&2; exit 4", {
        retry: [{ errors: ["ExitCode"], attempts: 3, interval: "1ms" }],
      }),
    });
    expect(verdict).toMatchObject({
      failure: { class: "Retryable", error: "ExitCode", message: "It exited with code 4: this is why" },
    });
    expect(await written("tries")).toBe("x\nx\nx");
  });

  it("is not tried again when its exit code says so", async () => {
    const retry = [{ errors: ["*"], attempts: 3, interval: "1ms" }];
    expect(await failing(shell("exit 2", { exitCodes: { terminal: [2] }, retry }))).toMatchObject({
      class: "Terminal",
      details: { exitCode: 2 },
    });
  });

  it("is not tried again when it cannot be started at all", async () => {
    expect(await failing({ type: "run", command: ["no-such-program-anywhere"] })).toMatchObject({
      class: "Terminal",
      error: "CommandNotFound",
    });
    expect(await failing(shell("true", { directory: "/no/such/folder" }))).toMatchObject({
      class: "Terminal",
      error: "WorkingDirectoryMissing",
    });
  });

  it("is told apart when its memory limit killed it", async () => {
    const hog = "x=x; while :; do x=$x$x; done";
    expect(await failing(shell(hog, { resources: { memory: "16Mi" } }))).toMatchObject({
      class: "Retryable",
      error: "OutOfMemory",
    });
  });

  it("has given no JSON, or too much", async () => {
    expect(await failing(shell("echo hello", { output: "json" }))).toMatchObject({ error: "InvalidOutput" });
  });
});

describe("a program that somebody else kills", () => {
  it("is lost and runs again, its retries unspent", async () => {
    const opened = await open();
    await opened.start({
      a: shell("echo $$ >>pids; test $(wc -l <pids) -gt 2 || exec sleep 1000; echo done", { output: "text" }),
    });
    for (const lives of [1, 2]) {
      const pid = await until(() => {
        const pids = existsSync(join(folder, "pids"))
          ? readFileSync(join(folder, "pids"), "utf8").trim().split("\n")
          : [];
        return pids.length === lives ? Number(pids[lives - 1]) : undefined;
      });
      process.kill(pid, "SIGKILL");
    }
    expect(await opened.engine.result(RUN)).toMatchObject({ output: { a: { output: "done" } } });
    const failures = (await eventsOf(opened)).flatMap((event) =>
      event.type === "StepFailed" ? [event.failure.class] : [],
    );
    expect(failures).toEqual(["InfraLost", "InfraLost"]);
  });

  it("is lost as well when all of it is killed", async () => {
    const opened = await open();
    await opened.start({
      a: shell("echo $PPID >>leaders; test $(wc -l <leaders) -gt 1 || sleep 1000; echo done", {
        output: "text",
      }),
    });
    const leader = Number(await written("leaders"));
    process.kill(-leader, "SIGKILL");
    expect(await opened.engine.result(RUN)).toMatchObject({ is: "succeeded" });
  });
});

describe("a program that is no longer wanted", () => {
  it("is asked to end, and killed with all that it started after its grace", async () => {
    const opened = await open();
    await opened.start({
      a: shell(
        "trap 'echo asked >>asked' TERM; (trap '' TERM; echo $BASHPID >/dev/null; exec sleep 1000) & echo $! >pid; while :; do wait; done",
        {
          grace: "300ms",
        },
      ),
    });
    const pid = Number(await written("pid"));
    await opened.engine.cancel(RUN, "not needed", 60_000);
    expect(await opened.engine.result(RUN)).toMatchObject({ is: "cancelled" });
    expect(await written("asked")).toBe("asked");
    await until(() => !isAlive(pid));
  });
});

describe("a program whose control plane is killed", () => {
  const main = fileURLToPath(new URL("./fixtures/run-main.ts", import.meta.url));
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  interface EngineProcess {
    readonly child: ChildProcess;
    /** The engine is open, and goes on with what it found. */
    readonly opened: Promise<void>;
    /** The verdict, once it has ended. */
    readonly printed: Promise<string>;
  }

  const engineProcess = (steps: object): EngineProcess => {
    const child = spawn(process.execPath, [main, folder, JSON.stringify(steps)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let text = "";
    const opened = Promise.withResolvers<void>();
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.startsWith("open\n")) opened.resolve();
    });
    const printed = new Promise<string>((resolve) =>
      child.once("close", () => resolve(text.replace("open\n", ""))),
    );
    return { child, opened: opened.promise, printed };
  };

  it("runs on and is taken over; what it printed before is in the log as well", async () => {
    const steps = {
      a: shell("echo begin; echo $$ >>pids; until test -e go; do sleep 0.05; done; echo end", {
        output: "lines",
      }),
    };
    const first = engineProcess(steps);
    await written("pids");
    first.child.kill("SIGKILL");
    await first.printed;
    const second = engineProcess(steps);
    await second.opened;
    writeFileSync(join(folder, "go"), "");
    const verdict = JSON.parse(await second.printed) as unknown;
    expect(verdict).toMatchObject({ is: "succeeded", output: { a: { output: ["begin", "end"] } } });
    expect((await written("pids")).split("\n")).toHaveLength(1);
  });

  it("may end meanwhile: its end is found, and it is not run twice", async () => {
    const steps = {
      a: shell("echo once >>runs; until test -e go; do sleep 0.05; done; echo end; exit 7", {
        output: "text",
        exitCodes: { success: [7] },
      }),
    };
    const first = engineProcess(steps);
    await written("runs");
    first.child.kill("SIGKILL");
    await first.printed;
    writeFileSync(join(folder, "go"), "");
    const names = (): readonly string[] => readdirSync(join(folder, "home", "instances", "default"));
    await until(() => names().some((name) => name.endsWith(".end.log")));
    expect(JSON.parse(await engineProcess(steps).printed)).toMatchObject({
      is: "succeeded",
      output: { a: { exitCode: 7, output: "end" } },
    });
    expect(await written("runs")).toBe("once");
  });
});

describe("a program whose run is over when the next control plane begins", () => {
  it("is ended then, or with its run; one that is taken over is left alone", async () => {
    const step = shell("echo $$ >>pids; exec sleep 1000");
    for (const run of ["cancelled", "stopping", "going-on"])
      await (here ?? (await open())).start({ a: step }, {}, `default/${run}`);
    const pids = await until(() => {
      const file = join(folder, "pids");
      const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
      return lines.length === 3 ? lines.map(Number) : undefined;
    });
    await here?.close();
    here = undefined;
    const store = createMemoryStore({ clock: systemClock });
    const key = { kind: "Run", namespace: "default", name: "stopping" };
    for (const name of ["stopping", "going-on"])
      await store.commit([{ type: "create", resource: runNamed(name) }], { actor: "test", action: "test" });
    const local = await localProviders({ folder: join(folder, "home"), clock: systemClock, keyring });
    const going = (await local.instances.running("Step")).find(({ name }) => name.startsWith("going-on"));
    await endStrays({
      store,
      clock: systemClock,
      keyring,
      engines: { instance: () => local.instances },
      isTaken: (uid) => uid === going?.uid,
    });
    await until(() => pids.filter(isAlive).length === 2);
    const status = { phase: "Cancelled" };
    await store.commit([{ type: "status", key, status }], { actor: "test", action: "test" });
    await until(() => pids.filter(isAlive).length === 1);
    if (going !== undefined) await local.instances.stop(going, spec);
    await until(() => pids.filter(isAlive).length === 0);
    local.close();
  });

  const runNamed = (name: string): Draft => ({
    apiVersion: "tutti.dev/v1",
    kind: "Run",
    metadata: { name, namespace: "default" },
    spec: { workflow: "w" },
  });
  const spec = programSpec(
    { kind: "Step", namespace: "default", name: "x", uid: "x" },
    { workingDirectory: ".", folder: "/", env: {}, resources: {}, grace: "1s", once: {} },
  );
});

describe("secrets", () => {
  it("reach the program, and stand in no journal, log, result or failure", async () => {
    const opened = await open();
    const verdict = await opened.run({
      a: shell('echo "the key is $KEY"; cat; echo "$KEY" >&2; test $${#KEY} = 23 && echo right', {
        environment: { KEY: "${secret.stripe.key}" },
        input: "from stdin: ${secret.stripe.key}\n",
        output: "lines",
      }),
      b: shell('echo "bad $KEY" >&2; exit 1', { environment: { KEY: "${secret.stripe.key}" }, needs: ["a"] }),
    });
    expect(verdict).toMatchObject({
      is: "failed",
      failure: { message: "It exited with code 1: bad (secret)" },
    });
    const events = JSON.stringify(await eventsOf(opened));
    expect(events).toContain("right");
    await opened.logs.written();
    expect(everythingIn(folder)).not.toContain("hunter2");
    expect(await opened.log("a")).toContain("the key is (secret)");
  });

  it("that are not there end the step with a word of what to do", async () => {
    const verdict = await (
      await open()
    ).run({ a: shell("true", { environment: { KEY: "${secret.nope.key}" } }) });
    expect(verdict).toMatchObject({ failure: { class: "Terminal", error: "MissingSecret" } });
  });
});
