/**
 * The `./tutti` wrapper, run for real in a made-up clone: its npm is a script that records each call and
 * "installs" what the wrapper looks for, its old node is a script that answers as an old one does.
 */
import { execFile, type ExecFileException } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root } from "./sources.ts";

let home: string;
let clone: string;
let programs: string;

/** What the shell script needs besides node and npm. */
const tools = ["sh", "cat", "mkdir", "mv", "rm", "readlink", "sleep", "touch", "ln"];

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "tutti-wrapper-")));
  clone = join(home, "clone");
  programs = join(home, "bin");
  mkdirSync(join(clone, "src/app"), { recursive: true });
  mkdirSync(programs);
  copyFileSync(join(root, "tutti"), join(clone, "tutti"));
  chmodSync(join(clone, "tutti"), 0o755);
  writeFileSync(
    join(clone, "src/app/main.ts"),
    "console.log(JSON.stringify({ node: process.execPath, cwd: process.cwd(), args: process.argv.slice(2) }));",
  );
  for (const tool of tools) {
    const place = (process.env["PATH"] ?? "")
      .split(delimiter)
      .find((folder) => existsSync(join(folder, tool)));
    if (place !== undefined) symlinkSync(join(place, tool), join(programs, tool));
  }
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function program(name: string, body: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

const thisNode = (): void => symlinkSync(process.execPath, join(programs, "node"));

/** A node that runs nothing newer than itself and writes down each call. */
const oldNode = (): void => program("node", `echo called >>"${home}/old-node-calls"; echo`);

/** An npm that takes its time, so that two installations at once would meet. */
const npm = (): void =>
  program(
    "npm",
    `echo "$@" >>"${home}/npm-calls"; sleep 0.3; mkdir -p node_modules/.bin
     ln -s "${process.execPath}" node_modules/.bin/node
     echo {} >node_modules/.package-lock.json`,
  );

function installed(): void {
  mkdirSync(join(clone, "node_modules/.bin"), { recursive: true });
  symlinkSync(process.execPath, join(clone, "node_modules/.bin/node"));
  writeFileSync(join(clone, "node_modules/.package-lock.json"), "{}");
}

const lines = (name: string): string[] =>
  existsSync(join(home, name)) ? readFileSync(join(home, name), "utf8").trimEnd().split("\n") : [];

interface Run {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function run(path = join(clone, "tutti"), ...args: string[]): Promise<Run> {
  return new Promise((done) => {
    execFile(path, args, { cwd: home, env: { PATH: programs, HOME: home } }, (error, stdout, stderr) => {
      done({ code: (error as ExecFileException | null)?.code ?? 0, stdout, stderr });
    });
  });
}

test("the arguments and the working directory are the caller's", async () => {
  thisNode();
  installed();
  const { stdout, stderr } = await run(undefined, "get", "a b", "");
  expect(JSON.parse(stdout)).toMatchObject({ cwd: home, args: ["get", "a b", ""] });
  expect(stderr).toBe("");
});

test("a chain of symbolic links leads to the clone", async () => {
  thisNode();
  installed();
  symlinkSync("clone/tutti", join(home, "relative"));
  symlinkSync(join(home, "relative"), join(programs, "tutti-link"));
  expect((await run(join(programs, "tutti-link"))).code).toBe(0);
});

test("a fresh clone installs once, says so on stderr, and then runs", async () => {
  thisNode();
  npm();
  const first = await run();
  expect(first.code).toBe(0);
  expect(first.stderr).toBe("installing dependencies, once ...\n");
  expect((await run()).stderr).toBe("");
  expect(lines("npm-calls")).toHaveLength(1);
  expect(existsSync(join(clone, ".install.lock"))).toBe(false);
});

test("two at once in a fresh clone install once between them", async () => {
  thisNode();
  npm();
  const both = await Promise.all([run(), run()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(lines("npm-calls")).toHaveLength(1);
});

test("the lock of an installer that was killed is taken over", async () => {
  thisNode();
  npm();
  mkdirSync(join(clone, ".install.lock"));
  // Above the largest process id a kernel gives.
  writeFileSync(join(clone, ".install.lock/pid"), "99999999\n");
  expect((await run()).code).toBe(0);
});

test("the lock of an installer that was killed before it wrote its name is taken over as well", async () => {
  thisNode();
  npm();
  mkdirSync(join(clone, ".install.lock"));
  expect((await run()).code).toBe(0);
});

test("a failed installation shows npm's own words and starts nothing", async () => {
  thisNode();
  program("npm", "echo the disk is full >&2; exit 3");
  const { code, stdout, stderr } = await run();
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/the disk is full[^]*tutti: the dependencies could not be installed/);
  expect(existsSync(join(clone, ".install.lock"))).toBe(false);
});

test("without npm the message says what to install", async () => {
  thisNode();
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tutti: npm is not installed/);
});

test("without Node the message says what to install", async () => {
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tutti: Node\.js is not installed/);
});

test("an old Node on PATH gives way to the one npm installed, and is asked only once", async () => {
  oldNode();
  installed();
  for (let time = 0; time < 2; time++) expect((await run()).code).toBe(0);
  expect(lines("old-node-calls")).toHaveLength(1);
});

test("another Node under the same path is asked again", async () => {
  oldNode();
  installed();
  await run();
  utimesSync(join(programs, "node"), 1_000_000_000, 1_000_000_000);
  expect((await run()).code).toBe(0);
  expect(lines("old-node-calls")).toHaveLength(2);
});

test("when no Node is new enough the message names the one found", async () => {
  oldNode();
  installed();
  rmSync(join(clone, "node_modules/.bin/node"));
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain(`Node.js 24 or newer is needed: ${join(programs, "node")} is not`);
});
