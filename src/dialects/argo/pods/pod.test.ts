/** What pods do with files, as processes of this machine. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { newBench, workflow } from "../fixtures/running.ts";

const SH = "container: { image: busybox, command: [sh, -c], args:";
const bench = newBench();

/** One that nobody has asked for its end yet runs no more. */
function isRunning(pid: string): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !readFileSync(path, "utf8").includes(") Z ");
}

describe("artifacts", () => {
  it("go from one to the next as they were, files and folders, and a part of a folder", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(`
- name: main
  dag:
    tasks:
    - { name: make, template: make }
    - { name: use, depends: make, template: use, arguments: { artifacts: [
        { name: tree, from: "{{tasks.make.outputs.artifacts.tree}}" },
        { name: part, from: "{{tasks.make.outputs.artifacts.tree}}", subPath: deep/two },
        { name: file, from: "{{tasks.make.outputs.artifacts.file}}" },
        { name: text, raw: { data: "written here" } },
        { name: none, optional: true, from: "{{tasks.make.outputs.artifacts.none}}" }] } }
  outputs: { parameters: [{ name: seen, valueFrom: { parameter: "{{tasks.use.outputs.result}}" } }] }
- name: make
  ${SH} ["mkdir -p /data/tree/deep; echo 1 > /data/tree/one; echo 2 > /data/tree/deep/two; echo f > /data/file"] }
  outputs: { artifacts: [{ name: tree, path: /data/tree }, { name: file, path: /data/file }, { name: none, path: /data/none, optional: true }] }
- name: use
  inputs: { artifacts: [{ name: tree, path: /in/tree }, { name: part, path: /in/part }, { name: file, path: /in/file, mode: 0755 }, { name: text, path: /in/text }, { name: none, path: /in/none, optional: true }] }
  ${SH} ["cat /in/tree/one /in/tree/deep/two /in/part /in/file /in/text; test -x /in/file; test ! -e /in/none"] }
`),
    );
    expect(outcome).toMatchObject({ phase: "Succeeded", parameters: { seen: "1\n2\n2\nf\nwritten here" } });
  });

  it("that are missing are an error, as are parameters, unless the container has failed itself", async () => {
    const { run } = await bench;
    const main = (command: string): string =>
      workflow(
        `- { name: main, ${SH} ["${command}"] }, outputs: { artifacts: [{ name: a, path: /x/a }], parameters: [{ name: p, valueFrom: { path: /x/p } }] } }`,
      );
    expect(await run(main("true"))).toMatchObject({
      phase: "Error",
      message: expect.stringMatching(/parameter 'p'.*artifact 'a'/) as string,
    });
    expect(await run(main("exit 2"))).toMatchObject({
      phase: "Failed",
      message: "main: Error (exit code 2)",
    });
  });

  it("of the same content are kept once, and named by a key for other workflows", async () => {
    const { run } = await bench;
    const keep = workflow(
      `- { name: main, ${SH} ["mkdir -p /o; echo kept > /o/a"] }, outputs: { artifacts: [{ name: a, path: /o/a, s3: { key: "shared/a" } }] } }`,
    );
    const take = workflow(
      `- { name: main, inputs: { artifacts: [{ name: a, path: /i/shared, s3: { key: shared } }] }, ${SH} ["cat /i/shared/a > /i/out"] }, outputs: { parameters: [{ name: got, valueFrom: { path: /i/out } }] } }`,
    );
    await run(keep);
    expect((await run(take)).parameters).toEqual({ got: "kept" });
  });
});

describe("containers", () => {
  it("run one after the other as a set says, on one folder, beside a sidecar that is ended", async () => {
    const { run } = await bench;
    const { phase, parameters } = await run(
      workflow(`
- name: main
  volumes: [{ name: w, emptyDir: {} }]
  containerSet:
    volumeMounts: [{ name: w, mountPath: /w }]
    containers:
    - { name: main, image: busybox, command: [sh, -c], args: ["cat /w/a /w/b"], dependencies: [b] }
    - { name: a, image: busybox, command: [sh, -c], args: ["echo a > /w/a"] }
    - { name: b, image: busybox, command: [sh, -c], args: ["cat /w/a > /w/b; echo b >> /w/b"], dependencies: [a] }
  sidecars: [{ name: side, image: busybox, command: [sleep, "1000"] }]
  outputs: { parameters: [{ name: ok, value: yes }] }
`),
    );
    expect([phase, parameters]).toEqual(["Succeeded", { ok: "yes" }]);
  });

  it("fail with a reason when there is no such program, or nothing says what an image runs", async () => {
    const { run } = await bench;
    expect(
      await run(workflow("- { name: main, container: { image: x, command: [no-such-program] } }")),
    ).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("executable file not found") as string,
    });
    expect(await run(workflow("- { name: main, container: { image: 'x:1' } }"))).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("the image 'x:1' has no stand-in") as string,
    });
  });

  it("see variables of ConfigMaps and Secrets, and no others of this process", async () => {
    const { run } = await newBench({
      secret: async (_namespace, name) => (name === "s" ? { key: "hidden" } : undefined),
      configMap: async (_namespace, name) => (name === "c" ? { key: "shown" } : undefined),
    });
    process.env["ARGO_TEST_LEAK"] = "leaked";
    const env =
      "env: [{ name: S, valueFrom: { secretKeyRef: { name: s, key: key } } }, { name: C, valueFrom: { configMapKeyRef: { name: c, key: key } } }]";
    const outcome = await run(
      workflow(
        `- { name: main, inputs: { parameters: [{ name: p, valueFrom: { configMapKeyRef: { name: c, key: key } } }] }, container: { image: x, command: [sh, -c], args: ["test $S$C\${ARGO_TEST_LEAK}{{inputs.parameters.p}} = hiddenshownshown"], ${env} } }`,
      ),
    );
    delete process.env["ARGO_TEST_LEAK"];
    expect(outcome.phase).toBe("Succeeded");
  });

  it("leave nothing running and no files when they are cancelled", async () => {
    const { start, outcome, engine, folder } = await bench;
    const pid = join(folder, "pid");
    const id = await start(
      workflow(`- { name: main, ${SH} ["echo $$ > ${pid}.new; mv ${pid}.new ${pid}; sleep 1000 & wait"] } }`),
    );
    while (!existsSync(pid)) await new Promise((resolve) => setImmediate(resolve));
    await engine.cancel(id, "enough", 60_000);
    expect((await outcome(id)).phase).toBe("Cancelled");
    expect(isRunning(readFileSync(pid, "utf8").trim())).toBe(false);
  });
});

it("a script is a file that its command is given, with its variables put in", async () => {
  const { run, folder } = await bench;
  writeFileSync(join(folder, "given"), "x");
  const outcome = await run(
    workflow(`
- name: main
  steps: [[{ name: s, template: s, arguments: { parameters: [{ name: n, value: 20 }] } }]]
  outputs: { parameters: [{ name: r, valueFrom: { parameter: "{{steps.s.outputs.result}}" } }] }
- name: s
  inputs: { parameters: [{ name: n }] }
  script: { image: python, command: [python3], source: "print({{inputs.parameters.n}} * 2 + {{=asInt(inputs.parameters.n) / 10}})" }
`),
  );
  expect(outcome.parameters).toEqual({ r: "42" });
});
