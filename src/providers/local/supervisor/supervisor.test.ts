import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { groupLives } from "./group.ts";
import type { ProcessExit, ProcessSpec } from "./process-spec.ts";
import { environmentOf, isAlive, processEntries } from "./process-table.ts";
import { Supervisor } from "./supervisor.ts";

let home: string;
let supervisor: Supervisor;

beforeEach(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-supervisor-")));
  ({ supervisor } = await Supervisor.open({ home }));
});

afterEach(async () => {
  await Promise.all(supervisor.list().map(({ id }) => supervisor.kill(id)));
  supervisor.close();
  rmSync(home, { recursive: true, force: true });
});

function shell(id: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    id,
    command: ["sh", "-c", script],
    env: { PATH: "/usr/bin:/bin" },
    cwd: home,
    logFile: join(home, `${id}.log`),
    ...more,
  };
}

function exitOf(id: string): Promise<ProcessExit> {
  return new Promise((resolve) => {
    const end = supervisor.onExit((exit) => {
      if (exit.id !== id) return;
      end();
      resolve(exit);
    });
  });
}

async function logged(id: string, text: string): Promise<void> {
  await vi.waitFor(() => expect(readFileSync(join(home, `${id}.log`), "utf8")).toContain(text), {
    timeout: 20_000,
    interval: 5,
  });
}

async function refusal(spec: ProcessSpec): Promise<string> {
  const error = await supervisor.start(spec).then(
    () => undefined,
    (problem: unknown) => problem,
  );
  expect(error).toBeInstanceOf(DiagnosticError);
  return (error as DiagnosticError).diagnostics[0]!.code;
}

describe("starting", () => {
  test("a process leads its own session and group, with its marker, environment and nothing else", async () => {
    const started = await supervisor.start(
      shell("a", "echo out; echo err >&2; exec sleep 60", {
        env: { PATH: "/usr/bin:/bin", GREETING: "hello" },
      }),
    );
    await logged("a", "err");
    const entry = processEntries().find(({ pid }) => pid === started.pid)!;
    expect(entry).toMatchObject({ group: started.pid, session: started.pid, startTime: started.startTime });
    expect(Object.fromEntries(environmentOf(started.pid)!)).toMatchObject({
      GREETING: "hello",
      TUTTI_ID: "a",
      TUTTI_HOME: home,
    });
    expect(environmentOf(started.pid)!.has("VITEST")).toBe(false);
    expect(statSync(join(home, "a.log")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(home, "a.log"), "utf8")).toBe("out\nerr\n");
  });

  test("an id that lives is not started a second time", async () => {
    const first = await supervisor.start(shell("a", "exec sleep 60"));
    const [second, third] = await Promise.all([
      supervisor.start(shell("a", "exec sleep 60")),
      supervisor.start(shell("a", "exec sleep 60")),
    ]);
    expect(first.created).toBe(true);
    expect([second.created, third.created]).toEqual([false, false]);
    expect([second.pid, third.pid]).toEqual([first.pid, first.pid]);
  });

  test("what cannot start is refused with its reason and leaves no log behind", async () => {
    writeFileSync(join(home, "plain"), "text");
    writeFileSync(join(home, "broken"), "#!/no/such/interpreter\n", { mode: 0o755 });
    expect(await refusal({ ...shell("a", ""), command: ["no-such-program"] })).toBe("CommandNotFound");
    expect(await refusal({ ...shell("a", ""), command: ["./plain"] })).toBe("CommandNotExecutable");
    expect(await refusal({ ...shell("a", ""), command: [home] })).toBe("CommandIsADirectory");
    expect(await refusal({ ...shell("a", ""), command: [] })).toBe("CommandEmpty");
    expect(await refusal({ ...shell("a", ""), command: ["./broken"] })).toBe("CommandCannotStart");
    expect(await refusal({ ...shell("a", ""), command: ["sh", "a\0b"] })).toBe("CommandCannotStart");
    expect(await refusal(shell("a", "", { cwd: join(home, "absent") }))).toBe("WorkingDirectoryMissing");
    expect(await refusal(shell("a", "", { cwd: join(home, "plain") }))).toBe("WorkingDirectoryNotADirectory");
    expect(await refusal(shell("a", "", { logFile: join(home, "plain", "a.log") }))).toBe(
      "LogFileNotWritable",
    );
    expect(existsSync(join(home, "a.log"))).toBe(false);
    expect(supervisor.list()).toEqual([]);
  });

  test("a refusal never quotes the environment", async () => {
    const error = await supervisor
      .start(shell("a", "", { env: { TOKEN: "hunter2\0" } }))
      .catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(DiagnosticError);
    expect(String(error)).not.toContain("hunter2");
  });
});

describe("ending", () => {
  test("an exit is told once, with its code, and the id is free again", async () => {
    const exit = exitOf("a");
    await supervisor.start(shell("a", "exit 3"));
    expect(await exit).toMatchObject({ id: "a", code: 3, signal: null, requested: false, unknown: false });
    expect(supervisor.find("a")).toBeUndefined();
    expect((await supervisor.start(shell("a", "exec sleep 60"))).created).toBe(true);
  });

  test("what a dead leader leaves behind in its group is killed before its exit is told", async () => {
    const exit = exitOf("a");
    await supervisor.start(shell("a", "sleep 60 & sleep 60 & exit 1"));
    expect(groupLives((await exit).pid)).toBe(false);
  });

  test("stop lets a process end by itself within its grace", async () => {
    const exit = exitOf("a");
    await supervisor.start(shell("a", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"));
    await logged("a", "up");
    await supervisor.stop("a", { graceMs: 5_000 });
    expect(await exit).toMatchObject({ code: 0, requested: true });
    expect(readFileSync(join(home, "a.log"), "utf8")).toContain("bye");
  });

  test("stop kills a whole group that ignores the signal, and is idempotent", async () => {
    const { pid } = await supervisor.start(
      shell("a", "trap '' TERM; (trap '' TERM; echo up; while :; do sleep 1; done) & wait; sleep 60"),
    );
    await logged("a", "up");
    await Promise.all([supervisor.stop("a", { graceMs: 20 }), supervisor.stop("a", { graceMs: 20 })]);
    await supervisor.stop("a");
    expect(groupLives(pid)).toBe(false);
    expect(supervisor.find("a")).toBeUndefined();
  });

  test("kill reaches children that made themselves a session", async () => {
    await supervisor.start(shell("a", "setsid sh -c 'echo $$ > child; exec sleep 60' & sleep 60"));
    await vi.waitFor(() => expect(Number(readFileSync(join(home, "child"), "utf8"))).toBeGreaterThan(0), {
      timeout: 20_000,
    });
    const child = Number(readFileSync(join(home, "child"), "utf8"));
    await supervisor.kill("a");
    await vi.waitFor(() => expect(groupLives(child)).toBe(false), { timeout: 20_000 });
  });
});

describe("crash of the control plane", () => {
  async function crashedWith(count: number): Promise<Map<string, { pid: number; startTime: number }>> {
    supervisor.close(); // gives the home up to the control plane that is going to crash
    const starter = spawn(
      process.execPath,
      [join(import.meta.dirname, "fixtures", "starter.ts"), home, String(count)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const started = new Map<string, { pid: number; startTime: number }>();
    for await (const line of createInterface(starter.stdout)) {
      const [id, pid, startTime] = line.split(" ");
      started.set(id!, { pid: Number(pid), startTime: Number(startTime) });
      if (started.size === count) break;
    }
    starter.kill("SIGKILL");
    if (starter.signalCode === null) await once(starter, "exit");
    return started;
  }

  test("processes live on and the next supervisor adopts every one by its marker, starting none twice", async () => {
    const started = await crashedWith(3);
    const next = await Supervisor.open({ home });
    supervisor = next.supervisor;
    expect(new Map(supervisor.list().map(({ id, pid, startTime }) => [id, { pid, startTime }]))).toEqual(
      started,
    );
    expect(next.found.strays).toEqual([]);
    const again = await supervisor.start(shell("instance/1", "exec sleep 60"));
    expect(again).toMatchObject({ created: false, adopted: true, ...started.get("instance/1") });
  });

  test("the end of an adopted process is noticed and told", async () => {
    await crashedWith(1);
    ({ supervisor } = await Supervisor.open({ home }));
    const exit = exitOf("instance/0");
    process.kill(supervisor.find("instance/0")!.pid, "SIGKILL");
    expect(await exit).toMatchObject({ adopted: true, unknown: true, code: null, requested: false });
  });

  test("an adopted process is stopped with its group", async () => {
    const [identity] = (await crashedWith(1)).values();
    ({ supervisor } = await Supervisor.open({ home }));
    await supervisor.stop("instance/0", { graceMs: 2_000 });
    expect(groupLives(identity!.pid)).toBe(false);
  });

  test("the rest of a process whose leader died meanwhile is killed as a stray", async () => {
    const [identity] = (await crashedWith(1)).values();
    await vi.waitFor(
      () => expect(processEntries().filter(({ group }) => group === identity!.pid).length).toBe(3),
      { timeout: 20_000 },
    );
    process.kill(identity!.pid, "SIGKILL");
    await vi.waitFor(() => expect(isAlive(identity!)).toBe(false), { timeout: 20_000 });
    const next = await Supervisor.open({ home });
    supervisor = next.supervisor;
    expect(supervisor.list()).toEqual([]);
    expect(next.found.strays.length).toBeGreaterThan(0);
    await vi.waitFor(() => expect(groupLives(identity!.pid)).toBe(false), { timeout: 20_000 });
  });

  test("another home's processes are not seen", async () => {
    await supervisor.start(shell("a", "exec sleep 60"));
    const other = await Supervisor.open({ home: `${home}-other` });
    expect(other.found).toEqual({ processes: [], strays: [] });
    other.supervisor.close();
  });

  test("a number given to another process is not adopted", async () => {
    const { pid, startTime } = await supervisor.start(shell("a", "exec sleep 60"));
    expect(supervisor.adopt("b", { pid, startTime: startTime - 1 })).toBe(false);
    expect(supervisor.adopt("b", { pid, startTime, bootId: "another boot" })).toBe(false);
  });
});

describe("limits and figures", () => {
  test("every limit asked for is either enforced or named with a reason, and open files hold", async () => {
    const limits = { openFiles: 77, memoryBytes: 64 * 1024 * 1024, cpu: 0.5 };
    const started = await supervisor.start(
      shell("a", "ulimit -n; cat /proc/self/cgroup; exec sleep 60", { limits }),
    );
    await logged("a", "77");
    expect([...started.enforced, ...started.unenforced.map(({ limit }) => limit)].sort()).toEqual([
      "cpu",
      "memoryBytes",
      "openFiles",
    ]);
    expect(started.enforced).toContain("openFiles");
    if (started.enforced.includes("memoryBytes"))
      await vi.waitFor(
        () => expect(readFileSync(`/proc/${started.pid}/cgroup`, "utf8")).toContain("tutti-"),
        { timeout: 20_000 },
      );
  });

  test("the groups of a limited process go with it", async () => {
    const limits = { memoryBytes: 64 * 1024 * 1024, cpu: 0.5 };
    const started = await supervisor.start(shell("a", "exec sleep 60", { limits }));
    const paths = readFileSync(`/proc/${started.pid}/cgroup`, "utf8")
      .split("\n")
      .flatMap((line) => /^\d+:([^:]*):(.*\/tutti-.*)$/.exec(line)?.slice(1) ?? []);
    expect(paths.length > 0).toBe(started.enforced.length > 0);
    await supervisor.kill("a");
    for (let at = 0; at < paths.length; at += 2) {
      const group = join("/sys/fs/cgroup", paths[at]!, paths[at + 1]!);
      expect([group, join(group, "..")].filter((path) => existsSync(path))).toEqual([]);
    }
  });

  test("a process over its memory limit is killed where memory is enforced", async (context) => {
    const exit = exitOf("a");
    const started = await supervisor.start(
      shell("a", "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo survived", {
        limits: { memoryBytes: 32 * 1024 * 1024 },
      }),
    );
    context.skip(
      !started.enforced.includes("memoryBytes"),
      `no memory control group here: ${started.unenforced[0]?.reason}`,
    );
    await exit;
    expect(readFileSync(join(home, "a.log"), "utf8")).not.toContain("survived");
  });

  test("figures cover a process and what it started", async () => {
    await supervisor.start(shell("a", "sleep 60 & sleep 60 & sleep 60"));
    await vi.waitFor(() => expect(supervisor.stats(["a", "absent"]).get("a")?.processes).toBe(4), {
      timeout: 20_000,
    });
    expect(supervisor.stats(["a"]).get("a")!.residentBytes).toBeGreaterThan(100_000);
  });
});
