/** Images built from folders, on a real engine. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TerminalError } from "../../provider/provider.ts";
import { Builds, type WantedBuild } from "./build.ts";
import { Engine } from "./engine.ts";
import { type Daemon, IMAGE, startDaemon } from "./fixtures/daemon.ts";

const never = new AbortController().signal;

let daemon: Daemon;
let engine: Engine;
let builds: Builds;
let root: string;
let folder: string;
let made = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "tutti-build-"));
  daemon = await startDaemon();
  engine = new Engine({ endpoint: daemon.endpoint });
  builds = new Builds(engine);
});

beforeEach(() => {
  folder = join(root, String(made++));
  mkdirSync(folder);
});

afterAll(async () => {
  engine?.close();
  await daemon?.close();
  rmSync(root, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

function wanted(more: Partial<WantedBuild["build"]> = {}): WantedBuild {
  return { folder, build: { context: ".", dockerfile: "Dockerfile", args: {}, ...more } };
}

async function output(image: string, ...command: readonly string[]): Promise<readonly string[]> {
  const container = await daemon.docker.createContainer({
    Image: image,
    Cmd: [...command],
    Tty: true,
    HostConfig: { NetworkMode: "none" },
  });
  await container.start();
  await container.wait();
  const text = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
  await container.remove();
  return text.trim().split(/\s+/);
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => expect.fail("it was not refused"),
    (error: Error) => error,
  );
}

describe("a build from a folder", () => {
  it("makes an image of what the folder holds", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nCOPY . /app/\n`, "a.txt": "one", "deep/er/b.txt": "two" });
    symlinkSync("a.txt", join(folder, "link"));
    const id = await builds.ensure(wanted(), never);
    expect(await output(id, "cat", "/app/link", "/app/deep/er/b.txt")).toEqual(["onetwo"]);
  });

  it("sends what .dockerignore leaves", async () => {
    write({
      Dockerfile: `FROM ${IMAGE}\nCOPY . /app/\n`,
      ".dockerignore":
        "# not these\nnode_modules\n**/*.log\n!keep.log\n/secret/*\n!secret/public.txt\nDockerfile\n",
      "node_modules/x/index.js": "",
      "deep/a.log": "",
      "keep.log": "",
      "secret/key.pem": "",
      "secret/public.txt": "",
      "main.js": "",
    });
    const id = await builds.ensure(wanted(), never);
    const files = await output(
      id,
      "sh",
      "-c",
      "cd /app; for f in * */* */*/*; do test -f $f && echo $f; done",
    );
    expect(files).toEqual(expect.arrayContaining(["main.js", "keep.log", "secret/public.txt"]));
    expect(files.join(" ")).not.toMatch(/node_modules|a\.log|key\.pem/);
  });

  it("takes arguments, a stage, and another Dockerfile", async () => {
    write({
      "docker/api.dockerfile": [
        `FROM ${IMAGE} AS base`,
        "ARG GREETING=none",
        "RUN echo $GREETING > /greeting",
        "FROM base AS wanted",
        "FROM base",
        "RUN false",
      ].join("\n"),
    });
    const build = { dockerfile: "docker/api.dockerfile", target: "wanted", args: { GREETING: "good day" } };
    const id = await builds.ensure(wanted(build), never);
    expect(await output(id, "cat", "/greeting")).toEqual(["good", "day"]);
  });

  it("calls the result what it is to be called", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\n` });
    const id = await builds.ensure({ ...wanted(), image: "shop/api:1.4" }, never);
    expect((await daemon.docker.getImage("shop/api:1.4").inspect()).Id).toBe(id);
  });

  it("is made once for the same content, whoever asks and however often", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nRUN head -c 16 /dev/urandom > /unique\n` });
    const [first, second] = await Promise.all([
      builds.ensure(wanted(), never),
      builds.ensure(wanted(), never),
    ]);
    utimesSync(join(folder, "Dockerfile"), 1, 1);
    await daemon.docker.pruneImages();
    const third = await new Builds(engine).ensure(wanted(), never);
    expect([second, third]).toEqual([first, first]);
  });
});

describe("the digest of a build", () => {
  it("is of content, arguments and stage, and of nothing else", async () => {
    write({ Dockerfile: `FROM ${IMAGE} AS one\nCOPY . /\n`, "a.txt": "one", ".dockerignore": "*.log\n" });
    const before = await builds.pin(wanted(), never);
    write({ "a.txt": "one", "b.log": "ignored" });
    expect(await builds.pin(wanted(), never)).toBe(before);
    expect(await builds.pin(wanted({ target: "one" }), never)).not.toBe(before);
    expect(await builds.pin(wanted({ args: { A: "1" } }), never)).not.toBe(before);
    write({ "a.txt": "two" });
    expect(await builds.pin(wanted(), never)).not.toBe(before);
  });

  it("has the pinned image run although the folder has changed since", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nCOPY a.txt /\n`, "a.txt": "one" });
    const digest = await builds.pin(wanted(), never);
    const first = await builds.ensure({ ...wanted(), digest }, never);
    write({ "a.txt": "two" });
    expect(await builds.ensure({ ...wanted(), digest }, never)).toBe(first);
  });

  it("is refused when its image is gone and the folder has changed since", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nCOPY a.txt /\n`, "a.txt": "three" });
    const digest = await builds.pin(wanted(), never);
    write({ "a.txt": "four" });
    const error = await refusal(builds.ensure({ ...wanted(), digest }, never));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/has changed since\. Apply again/);
  });
});

describe("a build that cannot be", () => {
  it("says which step failed and its last words", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nRUN echo first\nRUN echo 'no such module: left-pad'; exit 3\n` });
    const error = await refusal(builds.ensure(wanted(), never));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toBe(
      `The build of '${folder}' failed at step 3/3, RUN echo 'no such module: left-pad'; exit 3: The command '/bin/sh -c echo 'no such module: left-pad'; exit 3' returned a non-zero code: 3; its last words: no such module: left-pad. Mend it and apply again; \`docker build\` shows all it says.`,
    );
  });

  it("says so of a Dockerfile that is none", async () => {
    write({ Dockerfile: "BUILD me an image\n" });
    const error = await refusal(builds.ensure(wanted(), never));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/unknown instruction: BUILD/);
  });

  it("says so of a missing folder, a missing Dockerfile, and a file that is not there to be copied", async () => {
    expect((await refusal(builds.ensure(wanted({ context: "nowhere" }), never))).message).toMatch(
      /The folder '.*nowhere' that the image is to be built from is not there/,
    );
    expect((await refusal(builds.ensure(wanted(), never))).message).toMatch(/has no file 'Dockerfile'/);
    write({ Dockerfile: `FROM ${IMAGE}\nCOPY nothing.txt /\n` });
    const error = await refusal(builds.ensure(wanted(), never));
    expect(error).toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/failed at step 2\/2, COPY nothing\.txt \/: COPY failed/);
  });

  it("is tried again when the image it begins from cannot be reached", async () => {
    write({ Dockerfile: "FROM 127.0.0.1:1/base:1\n" });
    const error = await refusal(builds.ensure(wanted(), never));
    expect(error).not.toBeInstanceOf(TerminalError);
    expect(error.message).toMatch(/failed at step 1\/1, FROM 127\.0\.0\.1:1\/base:1: .*refused/);
  });

  it("ends when nobody waits for it any more", async () => {
    write({ Dockerfile: `FROM ${IMAGE}\nRUN sleep 1000\n` });
    const leaving = new AbortController();
    const left = refusal(builds.ensure(wanted(), leaving.signal));
    const running = (): Promise<number> => daemon.docker.listContainers().then((all) => all.length);
    await expect.poll(running, { timeout: 60_000 }).toBe(1);
    leaving.abort(new Error("not wanted any more"));
    expect((await left).message).toBe("not wanted any more");
    await expect.poll(running, { timeout: 60_000 }).toBe(0);
  });
});
