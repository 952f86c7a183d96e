import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { execBeside } from "./exec.ts";
import { findProgram } from "./spawn.ts";
import type { ProcessSpec } from "./process-spec.ts";
import { Supervisor } from "./supervisor.ts";

let home: string;
let spec: ProcessSpec;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "tutti-exec-"));
  spec = {
    id: "a",
    command: ["sleep", "60"],
    env: { PATH: "/usr/bin:/bin", GREETING: "hello" },
    cwd: home,
    logFile: join(home, "log"),
  };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("a command sees the process's environment and folder, and gives both streams and its code", async () => {
  const session = await execBeside(home, spec, [
    "sh",
    "-c",
    'echo "$GREETING $(pwd -P)"; echo oops >&2; exit 7',
  ]);
  const [out, err, code] = await Promise.all([text(session.stdout), text(session.stderr), session.exit]);
  expect([out, err, code]).toEqual([`hello ${home}\n`, "oops\n", 7]);
});

test("input reaches the command, and without input it reads an end", async () => {
  const session = await execBeside(home, spec, ["cat"], { stdin: true });
  session.stdin!.end("words");
  expect(await text(session.stdout)).toBe("words");
  expect(await text((await execBeside(home, spec, ["cat"])).stdout)).toBe("");
});

test("an aborted command is ended with all it started, and its code names the signal", async () => {
  const abort = new AbortController();
  const session = await execBeside(home, spec, ["sh", "-c", "sleep 60 & echo up; wait"], {
    signal: abort.signal,
  });
  session.stdout.once("data", () => abort.abort());
  expect(await session.exit).toBe(137);
});

test("a terminal is given where `script` is installed, with arguments untouched by its shell", async (context) => {
  context.skip(
    findProgram("script", "/", "/usr/bin:/bin").kind !== "found",
    "util-linux `script` is not installed",
  );
  const session = await execBeside(
    home,
    spec,
    ["sh", "-c", 'test -t 1 && echo "$1"; exit 5', "sh", "it's $HOME; *"],
    { tty: true },
  );
  const [out, code] = await Promise.all([text(session.stdout), session.exit]);
  expect(out.trim()).toBe("it's $HOME; *");
  expect(code).toBe(5);
});

test("an unknown command is refused by name", async () => {
  await expect(execBeside(home, spec, ["no-such-program"])).rejects.toThrow("CommandNotFound");
});

test("a command is not taken for the process, and one left by a dead control plane is killed as a stray", async () => {
  const session = await execBeside(home, spec, ["sleep", "60"]);
  const { supervisor, found } = await Supervisor.open({ home });
  expect(found.processes).toEqual([]);
  expect(found.strays).toHaveLength(1);
  expect(await session.exit).toBe(137);
  supervisor.close();
});
