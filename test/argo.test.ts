/** Manifests of Argo Workflows through a real control plane: applied as they are, killed in the middle, with locks over runs. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { ROOT, type Seen, type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Each verb is a process of its own, milliseconds. */
const LONG = 240_000;
/** No engine: containers are processes of this machine, whatever it has. */
vi.stubEnv("DOCKER_HOST", "unix:///nowhere/docker.sock");

function ended(home: TestHome, name: string): Promise<Seen> {
  return until(`the end of run ${name}`, async () => {
    const run = await home.get(`Run/${name}`);
    return run?.status?.["endedAt"] === undefined ? undefined : run;
  });
}

function waits(home: TestHome, name: string, path: string): Promise<unknown> {
  return until(`${name} to be at ${path}`, async () => {
    const steps = await home.client().workflows.steps(name);
    return steps.find((step) => step.path === path && step.phase === "running");
  });
}

test(
  "the example is applied as it is, approved, and goes on where it was when the control plane is killed",
  async () => {
    const home = openHome();
    const folder = home.folder("argo");
    copyFileSync(join(ROOT, "examples/argo/release.yaml"), join(folder, "release.yaml"));

    const plan = await home.tutti(["plan", folder]);
    expect(plan.stdout).toMatch(/workflow\/nightly-check[^]*workflow\/release/);
    expect(plan.stdout).toContain("schedule/nightly-check");
    expect(plan.stderr).toContain("The run/release of workflow/release would begin");

    const up = await home.tutti(["up", folder, "--yes"]);
    expect({ code: up.code, said: up.stderr }).toMatchObject({
      code: 0,
      said: expect.stringContaining("run/release has begun.") as string,
    });
    await waits(home, "release", "main.approve");
    await home.killControlPlane();
    const again = await home.tutti(["up", folder, "--yes"]);
    expect(again.stderr).toContain("run/release has begun before. Begin another one: tutti run release");

    await waits(home, "release", "main.approve");
    await home.ok(["signal", "release", "resume:approve", '{"outputs":{"by":"ann"}}']);
    const run = await ended(home, "release");
    expect(run).toMatchObject({
      metadata: { labels: { team: "web" } },
      status: { phase: "Succeeded", output: { outputs: { parameters: { by: "ann" } } } },
    });
    const output = run.status?.["output"] as {
      readonly outputs: { readonly parameters: { tested: string } };
    };
    expect(JSON.parse(output.outputs.parameters.tested)).toEqual([
      "unit shop-1.4.0",
      "browser shop-1.4.0",
      "load shop-1.4.0",
    ]);

    const log = await home.ok(["logs", "run/release"]);
    expect(log).toContain("built 1.4.0");
    expect(log).toContain("deployed 1.4.0");
    expect(log).toContain("the release has Succeeded");
    // Said once in a run.
    expect(log.match(/No container engine answers/g)).toHaveLength(1);

    const [first] = await home.client().workflows.next("nightly-check", { count: 1 });
    expect(first?.local).toMatch(/T03:00:00\+0[12]:00\[Europe\/Berlin\]$/);
    await home.ok(["run", "nightly-check", "--wait"]);
  },
  LONG,
);

/** Waits for a file within a lock, and fails when somebody else is within. */
const within = (folder: string, name: string, synchronization: string): string => `
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { generateName: ${name}- }
spec:
  entrypoint: main
  synchronization: ${synchronization}
  templates:
    - name: main
      container:
        image: busybox
        command: [sh, -c]
        args: ["mkdir ${folder}/held || exit 9; touch ${folder}/in-${name}; until [ -e ${folder}/go ]; do sleep 0.05; done; rmdir ${folder}/held; echo ${name} >> ${folder}/done"]
`;

test(
  "a mutex keeps runs of different workflows from each other, also over a kill of the control plane",
  async () => {
    const home = openHome();
    const traces = home.folder("traces");
    const folder = home.declare(
      `${within(traces, "one", "{ mutex: { name: m } }")}---${within(traces, "two", "{ mutexes: [{ name: m }] }")}`,
    );
    const { runs } = JSON.parse(await home.ok(["up", folder, "--yes", "-o", "json"])) as {
      readonly runs: readonly string[];
    };
    expect(runs).toHaveLength(2);
    const inside = (): readonly string[] =>
      ["one", "two"].filter((name) => existsSync(join(traces, `in-${name}`)));
    await until("one to hold the lock", async () => (inside().length > 0 ? true : undefined));
    await home.killControlPlane();
    await home.serve();
    // The other is seen to wait for the slot that the first holds, though this process never gave it away.
    const [holder] = inside();
    const other = runs.find((name) => !name.startsWith(`${holder ?? ""}-`)) ?? "";
    await until("the other to wait for it", async () =>
      (await home.client().workflows.steps(other)).find(({ phase }) => phase === "queued"),
    );
    expect(inside()).toEqual([holder]);
    writeFileSync(join(traces, "go"), "");
    for (const name of runs) expect((await ended(home, name)).status).toMatchObject({ phase: "Succeeded" });
    expect(readFileSync(join(traces, "done"), "utf8").trim().split("\n").toSorted()).toEqual(["one", "two"]);

    // Without a name it is begun again each time.
    const again = JSON.parse(await home.ok(["apply", folder, "--yes", "-o", "json"])) as {
      readonly runs: readonly string[];
    };
    expect(new Set([...runs, ...again.runs]).size).toBe(4);
    for (const name of again.runs)
      expect((await ended(home, name)).status).toMatchObject({ phase: "Succeeded" });
  },
  LONG,
);

test(
  "a semaphore has as many slots as its ConfigMap in the namespace says; secrets are given and stay secret",
  async () => {
    const home = openHome();
    const folder = home.declare(`
apiVersion: v1
kind: Secret
metadata: { name: bank }
stringData: { token: hush-hush }
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: pay }
spec:
  entrypoint: main
  templates:
    - name: main
      synchronization: { semaphores: [{ configMapKeyRef: { name: limits, key: pay } }] }
      container:
        image: busybox
        command: [sh, -c]
        env: [{ name: TOKEN, valueFrom: { secretKeyRef: { name: bank, key: token } } }]
        args: ['test "$TOKEN" = hush-hush && echo paid with $TOKEN']
`);
    await home.ok(["up", folder, "--yes"]);
    // Nobody says how many may: the run says what is missing.
    const failed = await ended(home, "pay");
    expect(failed.status?.["phase"]).toBe("Failed");
    expect(failed.status?.["failure"].message).toContain("limits");
    await home
      .client()
      .create(
        { kind: "ConfigMap", plural: "configmaps", group: "", version: "v1", namespaced: true },
        { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "limits" }, data: { pay: "2" } } as never,
        { namespace: "default" },
      );
    const paid = await home.tutti(["run", "pay", "--wait", "-o", "json"]);
    expect(paid.code, paid.stderr).toBe(0);
    const { metadata } = JSON.parse(paid.stdout) as { readonly metadata: { readonly name: string } };
    const said = await home.ok(["logs", `run/${metadata.name}`]);
    expect(said).toContain("paid with");
    const everything = [
      said,
      paid.stdout,
      JSON.stringify(await home.client().workflows.query(metadata.name)),
    ];
    expect(everything.join("\n")).not.toContain("hush-hush");
  },
  LONG,
);

test(
  "what is wrong in a manifest is told with its line, and nothing is applied",
  async () => {
    const home = openHome();
    const folder = home.declare(
      `apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: bad }
spec:
  entrypoint: main
  templates:
    - name: main
      steps:
        - - { name: a, template: missing }
`,
      { file: "bad.yaml" },
    );
    const { code, stderr } = await home.tutti(["plan", join(folder, "bad.yaml")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:9/);
    expect(stderr).toContain("missing");
  },
  LONG,
);

const MACHINE = { StartAt: "Add", States: { Add: { Type: "Pass", Result: { sum: 3 }, End: true } } };

test(
  "a state machine is applied as its file is; a Workflow names such a file, of either dialect",
  async () => {
    const home = openHome();
    const folder = home.folder("machines");
    writeFileSync(join(folder, "Sums.asl.json"), JSON.stringify(MACHINE, undefined, 2));
    await home.ok(["up", join(folder, "Sums.asl.json"), "--yes"]);
    const ran = await home.ok(["run", "sums", "--wait", "-o", "json"]);
    expect(JSON.parse(ran)).toMatchObject({ status: { output: { sum: 3 } } });

    writeFileSync(
      join(folder, "check.json"),
      JSON.stringify({
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Workflow",
        metadata: { generateName: "check-" },
        spec: {
          entrypoint: "main",
          templates: [{ name: "main", container: { image: "busybox", command: ["echo", "checked"] } }],
        },
      }),
    );
    writeFileSync(
      join(folder, "tutti.yaml"),
      `
kind: Workflow
metadata: { name: sum }
spec: { program: { dialect: states-language, definition: ./Sums.asl.json } }
---
kind: Workflow
metadata: { name: check }
spec: { program: { dialect: argo, definition: check.json } }
`,
    );
    await home.ok(["up", folder, "--yes"]);
    expect(JSON.parse(await home.ok(["run", "sum", "--wait", "-o", "json"]))).toMatchObject({
      status: { output: { sum: 3 } },
    });
    await home.ok(["run", "check", "--wait"]);

    writeFileSync(
      join(folder, "Sums.asl.json"),
      JSON.stringify({ ...MACHINE, StartAt: "Nowhere" }, undefined, 2),
    );
    const { code, stderr } = await home.tutti(["plan", folder]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Sums\.asl\.json:2[^]*Nowhere/);
    writeFileSync(
      join(folder, "tutti.yaml"),
      readFileSync(join(folder, "tutti.yaml"), "utf8").replace("Sums", "Sms"),
    );
    expect((await home.tutti(["plan", folder])).stderr).toContain("There is no './Sms.asl.json'");
  },
  LONG,
);
