/** Pods of Argo's workflows in containers of a real engine, by a real control plane. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePort } from "../src/provider/ports.ts";
import { type Daemon, IMAGE, startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import type { Seen, TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

const LONG = 240_000;

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon({ liveRestore: true });
  vi.stubEnv("DOCKER_HOST", daemon.endpoint);
}, LONG);
afterAll(() => daemon.close());

function ended(home: TestHome, name: string): Promise<Seen> {
  return until(`the end of run ${name}`, async () => {
    const run = await home.get(`Run/${name}`);
    return run?.status?.["endedAt"] === undefined ? undefined : run;
  });
}

/** Its status, once it has succeeded. */
async function succeeded(home: TestHome, name: string): Promise<Seen["status"]> {
  const { status } = await ended(home, name);
  expect(status, JSON.stringify(status?.["failure"])).toMatchObject({ phase: "Succeeded" });
  return status;
}

const left = async (): Promise<readonly string[]> =>
  (await daemon.docker.listContainers({ all: true })).flatMap(({ Names }) => Names);

const manifest = (name: string, templates: string): string => `
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: ${name} }
spec:
  entrypoint: main
  templates:
${templates}`;

const inContainers = (port: number): string =>
  manifest(
    "pods",
    `
    - name: main
      dag:
        tasks:
          - { name: make, template: make }
          - name: use
            depends: make
            template: use
            arguments:
              parameters: [{ name: number, value: "{{tasks.make.outputs.parameters.number}}" }]
              artifacts: [{ name: tree, from: "{{tasks.make.outputs.artifacts.tree}}" }]
          - { name: set, depends: use, template: set }
          - { name: beside, depends: use, template: beside }
          - { name: code, depends: use, template: fail, continueOn: { failed: true } }
      outputs:
        parameters:
          - { name: used, valueFrom: { parameter: "{{tasks.use.outputs.result}}" } }
          - { name: set, valueFrom: { parameter: "{{tasks.set.outputs.result}}" } }
          - { name: beside, valueFrom: { parameter: "{{tasks.beside.outputs.result}}" } }
          - { name: code, valueFrom: { parameter: "{{tasks.code.exitCode}}" } }
    - name: make
      container:
        image: ${IMAGE}
        command: [sh, -c]
        args: ["mkdir -p /out/tree/deep; echo leaf > /out/tree/deep/leaf; printf 42 > /tmp/number; cat /etc/passwd | grep -c web"]
      outputs:
        parameters: [{ name: number, valueFrom: { path: /tmp/number } }]
        artifacts: [{ name: tree, path: /out/tree }]
    - name: use
      inputs:
        parameters: [{ name: number }]
        artifacts: [{ name: tree, path: /in/a/tree }]
      script:
        image: ${IMAGE}
        command: [sh]
        env: [{ name: WORD, value: hello }]
        workingDir: /data
        source: |
          echo "$WORD {{inputs.parameters.number}} $(cat /in/a/tree/deep/leaf) $(env | grep -c ^PWD=/data)"
    - name: set
      volumes: [{ name: shared, emptyDir: {} }]
      containerSet:
        volumeMounts: [{ name: shared, mountPath: /shared }]
        containers:
          - { name: first, image: ${IMAGE}, command: [sh, -c], args: ["echo one > /shared/text"] }
          - { name: main, image: ${IMAGE}, command: [sh, -c], args: ["cat /shared/text"], dependencies: [first] }
    - name: beside
      volumes: [{ name: files, emptyDir: {} }]
      initContainers:
        - { name: before, image: ${IMAGE}, command: [sh, -c], args: ["echo from the sidecar > /www/page"], volumeMounts: [{ name: files, mountPath: /www }] }
      sidecars:
        - { name: server, image: ${IMAGE}, command: [httpd, -f, -p, "127.0.0.1:${port}", -h, /www], volumeMounts: [{ name: files, mountPath: /www }] }
      container:
        image: ${IMAGE}
        command: [sh, -c]
        args: ["until wget -q -O - http://127.0.0.1:${port}/page; do sleep 0.1; done"]
    - name: fail
      container: { image: ${IMAGE}, command: [sh, -c], args: ["echo out of luck >&2; exit 7"] }
`,
  );

test(
  "containers, scripts, container sets and sidecars run in their images, and hand files on; nothing of them is left",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(inContainers((await freePort({ seed: home.path })) ?? 0)), "--yes"]);
    expect(await succeeded(home, "pods"), await home.ok(["logs", "run/pods"])).toMatchObject({
      output: {
        outputs: {
          parameters: { used: "hello 42 leaf 1", set: "one", beside: "from the sidecar", code: "7" },
        },
      },
    });
    expect(await home.ok(["logs", "run/pods"])).toContain("out of luck");
    expect(await left()).toEqual([]);
  },
  LONG,
);

test(
  "a container goes on while the control plane is killed, and is found again; one that is cancelled is removed",
  async () => {
    const home = openHome();
    const traces = home.folder("traces");
    const slow = manifest(
      "slow",
      `
    - name: main
      volumes: [{ name: traces, hostPath: { path: ${traces} } }]
      container:
        image: ${IMAGE}
        command: [sh, -c]
        args: ["echo x >> /traces/begun; until [ -e /traces/go ]; do sleep 0.1; done; wc -l < /traces/begun"]
        volumeMounts: [{ name: traces, mountPath: /traces }]
`,
    );
    await home.ok(["up", home.declare(slow), "--yes"]);
    const running = (): Promise<true> =>
      until("a container to run", async () => {
        const all = await daemon.docker.listContainers();
        return all.length === 1 ? true : undefined;
      });
    await running();
    await home.killControlPlane();
    await home.serve();
    writeFileSync(join(traces, "go"), "");
    await succeeded(home, "slow");
    expect((await home.ok(["logs", "run/slow"])).trim()).toMatch(/\b1$/);
    expect(await left()).toEqual([]);

    const endless = manifest(
      "endless",
      `    - { name: main, container: { image: ${IMAGE}, command: [sleep, "1000"] } }\n`,
    );
    await home.ok(["up", home.declare(endless, { folder: "endless" }), "--yes"]);
    await running();
    await home.ok(["cancel", "endless"]);
    await ended(home, "endless");
    await until("the container to be gone", async () => ((await left()).length === 0 ? true : undefined));
  },
  LONG,
);

test(
  "an engine that dies and comes back finds its container, which is waited for further",
  async () => {
    const home = openHome();
    const traces = home.folder("traces");
    const held = manifest(
      "held",
      `
    - name: main
      volumes: [{ name: traces, hostPath: { path: ${traces} } }]
      container:
        image: ${IMAGE}
        command: [sh, -c]
        args: ["echo begun; echo x >> /traces/begun; until [ -e /traces/go ]; do sleep 0.1; done; wc -l < /traces/begun"]
        volumeMounts: [{ name: traces, mountPath: /traces }]
`,
    );
    await home.ok(["up", home.declare(held), "--yes"]);
    await until("it to run", () => existsSync(join(traces, "begun")));
    // An engine that is killed before it has noted that a container runs knows nothing of it afterwards.
    await until("the engine to note it", async () => (await daemon.docker.listContainers()).length === 1);
    await daemon.kill();
    const said = new AbortController();
    for await (const line of home
      .client()
      .workflows.log("held", { step: "main", follow: true, signal: said.signal })) {
      if (line.includes("engine is waited for")) said.abort();
    }
    await daemon.start();
    writeFileSync(join(traces, "go"), "");
    await succeeded(home, "held");
    const lines = (await home.ok(["logs", "run/held"])).trim().split("\n");
    expect(lines.filter((line) => line.endsWith("| begun"))).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/\| 1$/);
    expect(await left()).toEqual([]);
  },
  LONG,
);

test(
  "an image that is not there is said to be missing",
  async () => {
    const home = openHome();
    const missing = manifest(
      "missing",
      '    - { name: main, container: { image: "tutti.test/missing:1", command: [sh] } }\n',
    );
    await home.ok(["up", home.declare(missing), "--yes"]);
    const { status } = await ended(home, "missing");
    expect(status?.["phase"]).toBe("Failed");
    expect(status?.["failure"].message).toContain("tutti.test/missing");
  },
  LONG,
);
