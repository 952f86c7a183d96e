/** What templates mean when they are run: by the engine, with processes of this machine. */
import { describe, expect, it } from "vitest";
import { newBench, workflow } from "../fixtures/running.ts";

const SH = "container: { image: busybox, command: [sh, -c], args:";
const echo = `
- name: say
  inputs: { parameters: [{ name: text }] }
  outputs: { parameters: [{ name: said, valueFrom: { path: /tmp/said } }] }
  ${SH} ["printf '%s' '{{inputs.parameters.text}}' | tee /tmp/said"] }
- name: fail
  ${SH} ["exit 3"] }
`;

const bench = newBench();

describe("steps", () => {
  it("hand outputs on, spread over items, and gather what these gave in their order", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(`
- name: main
  outputs:
    parameters:
    - { name: all, valueFrom: { parameter: "{{steps.each.outputs.parameters.said}}" } }
    - { name: count, valueFrom: { expression: "len(fromJSON(steps.each.outputs.result))" } }
  steps:
  - - { name: first, template: say, arguments: { parameters: [{ name: text, value: '["x","y","z"]' }] } }
  - - name: each
      template: say
      withParam: "{{steps.first.outputs.result}}"
      when: "{{item}} != y"
      arguments: { parameters: [{ name: text, value: "<{{item}}>" }] }
${echo}`),
    );
    expect(outcome.phase).toBe("Succeeded");
    expect(outcome.parameters).toEqual({ all: '["<x>","<z>"]', count: "2" });
  });

  it("fail with their group unless it goes on after failures, and later groups do not run", async () => {
    const { run } = await bench;
    const templates = (continueOn: string): string => `
- name: main
  steps:
  - - { name: bad, template: fail${continueOn} }
  - - { name: after, template: say, arguments: { parameters: [{ name: text, value: "{{steps.bad.status}} {{steps.bad.exitCode}}" }] } }
${echo}`;
    const stopped = await run(workflow(templates("")));
    expect(stopped).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("bad' failed") as string,
    });
    expect(stopped.steps).toEqual(["main[0].bad"]);
    expect((await run(workflow(templates(", continueOn: { failed: true }")))).phase).toBe("Succeeded");
  });
});

describe("a dag", () => {
  it("runs a task by what those it depends on came to", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(`
- name: main
  dag:
    tasks:
    - { name: A, template: say, arguments: { parameters: [{ name: text, value: a }] } }
    - { name: B, template: fail, depends: A }
    - { name: on-failure, template: say, depends: "B.Failed && A.Succeeded", arguments: { parameters: [{ name: text, value: b }] } }
    - { name: not-run, template: say, depends: "A && B", arguments: { parameters: [{ name: text, value: c }] } }
    - { name: last, template: say, depends: "on-failure || not-run.Omitted", arguments: { parameters: [{ name: text, value: d }] } }
${echo}`),
    );
    expect(outcome.phase).toBe("Succeeded");
    expect(outcome.steps).toEqual(["main.A", "main.B", "main.on-failure", "main.last"]);
  });

  it("takes over the failure of what a target waited for that was left out", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(`
- name: main
  dag: { tasks: [{ name: A, template: fail }, { name: B, template: fail, depends: A }] }
${echo}`),
    );
    expect(outcome).toMatchObject({ phase: "Failed", steps: ["main.A"] });
  });

  it("gives an output of a skipped task its default, and is in error where there is none", async () => {
    const { run } = await bench;
    const templates = (standard: string): string => `
- name: main
  dag:
    tasks:
    - { name: A, template: make, when: "1 == 2" }
    - { name: B, template: say, depends: A.Skipped, arguments: { parameters: [{ name: text, value: "{{tasks.A.outputs.parameters.x}}" }] } }
  outputs: { parameters: [{ name: got, valueFrom: { parameter: "{{tasks.B.outputs.parameters.said}}" } }] }
- name: make
  outputs: { parameters: [{ name: x, valueFrom: { path: /tmp/x${standard} } }] }
  ${SH} ["echo made > /tmp/x"] }
${echo}`;
    expect((await run(workflow(templates(", default: standard")))).parameters).toEqual({ got: "standard" });
    expect((await run(workflow(templates("")))).phase).toBe("Error");
  });
});

describe("retries", () => {
  it("are attempts of their own, which know of each other, until one succeeds", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(`
- name: main
  retryStrategy: { limit: "5", backoff: { duration: 10ms, factor: 2 } }
  outputs: { parameters: [{ name: last, valueFrom: { path: /tmp/last } }] }
  ${SH} ["echo '{{retries}} {{lastRetry.exitCode}} {{lastRetry.status}}' > /tmp/last; exit $((2 - {{retries}}))"] }
`),
    );
    expect(outcome.parameters).toEqual({ last: "2 1 Failed" });
    expect(outcome.steps).toEqual(["main(0)", "main!backoff(1)", "main(1)", "main!backoff(2)", "main(2)"]);
  });

  it("end with the limit, or when the expression says so", async () => {
    const { run } = await bench;
    const templates = (strategy: string): string => `
- name: main
  retryStrategy: ${strategy}
  ${SH} ["exit 7"] }
`;
    expect(await run(workflow(templates("{ limit: 1 }")))).toMatchObject({
      phase: "Failed",
      message: "No more retries left",
      steps: ["main(0)", "main(1)"],
    });
    expect(
      await run(workflow(templates("{ limit: 5, expression: 'asInt(lastRetry.exitCode) != 7' }"))),
    ).toMatchObject({ message: "retryStrategy.expression evaluated to false", steps: ["main(0)"] });
  });
});

describe("exit handlers and hooks", () => {
  it("run when a workflow has failed, know how, and do not mend it", async () => {
    const { run } = await bench;
    const outcome = await run(
      workflow(
        `
- { name: main, ${SH} ["exit 1"] } }
- name: exit
  ${SH} ["test '{{workflow.status}}' = Failed && echo {{workflow.failures}} | grep -q 'exit code 1'"] }
`,
        "onExit: exit",
      ),
    );
    expect(outcome).toMatchObject({ phase: "Failed", steps: ["main", "main!onExit"] });
  });

  it("make a workflow fail that had succeeded, when the exit handler fails", async () => {
    const { run } = await bench;
    const outcome = await run(workflow(`- { name: main, ${SH} ["true"] } }\n${echo}`, "onExit: fail"));
    expect(outcome).toMatchObject({ phase: "Failed", message: "main: Error (exit code 3)" });
  });

  it("run once each, while their step runs and when it is over, with its outputs", async () => {
    const { run } = await bench;
    const { phase, steps } = await run(
      workflow(`
- name: main
  steps:
  - - name: build
      template: say
      arguments: { parameters: [{ name: text, value: done }] }
      hooks:
        running: { template: say, expression: 'steps.build.status == "Running"', arguments: { parameters: [{ name: text, value: r }] } }
        failed: { template: fail, expression: 'steps.build.status == "Failed"' }
        exit: { template: check, arguments: { parameters: [{ name: got, value: "{{steps.build.outputs.parameters.said}}" }] } }
- name: check
  inputs: { parameters: [{ name: got }] }
  ${SH} ["test {{inputs.parameters.got}} = done"] }
${echo}`),
    );
    expect(phase).toBe("Succeeded");
    expect(steps.toSorted()).toEqual([
      "main[0].build",
      "main[0].build!hooks.running",
      "main[0].build!onExit",
    ]);
  });
});

describe("a suspended node", () => {
  const approve = workflow(`
- name: main
  steps:
  - - { name: approve, template: approve }
  - - { name: after, template: say, arguments: { parameters: [{ name: text, value: "{{steps.approve.outputs.parameters.by}}" }] } }
  outputs: { parameters: [{ name: by, valueFrom: { parameter: "{{steps.after.outputs.parameters.said}}" } }] }
- { name: approve, suspend: {}, outputs: { parameters: [{ name: by, valueFrom: { supplied: {} } }] } }
${echo}`);

  it("waits for the signal of its name, which brings what must be supplied", async () => {
    const { start, outcome, engine } = await bench;
    const id = await start(approve);
    await engine.signal(id, { id: "1", name: "resume:approve", payload: { outputs: { by: "ada" } } });
    expect(await outcome(id)).toMatchObject({ phase: "Succeeded", parameters: { by: "ada" } });
  });

  it("goes on by itself after its duration, with defaults, or fails for want of one", async () => {
    const { run } = await bench;
    const timed = (standard: string): string =>
      approve
        .replace("suspend: {}", "suspend: { duration: 10ms }")
        .replace("supplied: {}", `supplied: {}${standard}`);
    expect((await run(timed(", default: nobody"))).parameters).toEqual({ by: "nobody" });
    expect(await run(timed(""))).toMatchObject({
      phase: "Failed",
      message: expect.stringContaining("'by' has not been set and does not have a default value") as string,
    });
  });

  it("is ended when the run is cancelled, and exit handlers still run", async () => {
    const { start, outcome, engine } = await bench;
    const id = await start(approve.replace("entrypoint: main", "entrypoint: main\n  onExit: fail"));
    await engine.cancel(id, "enough", 60_000);
    const { phase, steps } = await outcome(id);
    expect([phase, steps.at(-1)]).toEqual(["Cancelled", "main!onExit"]);
  });
});

describe("limits", () => {
  it("let only so many pods run at once, in the order in which they were there", async () => {
    const { run } = await bench;
    const { phase } = await run(
      workflow(
        `
- name: main
  steps: [[{ name: one, template: alone, withSequence: { count: "4" } }]]
- name: alone
  volumes: []
  container:
    image: busybox
    command: [sh, -c]
    args: ["mkdir /work/lock && sleep 0.05 && rmdir /work/lock"]
    volumeMounts: [{ name: shared, mountPath: /work }]
`,
        `parallelism: 1
volumeClaimTemplates: [{ metadata: { name: shared } }]`,
      ),
    );
    expect(phase).toBe("Succeeded");
  });

  it("end what takes longer than it may", async () => {
    const { run } = await bench;
    const slow = `- { name: main, activeDeadlineSeconds: 1, ${SH} ["sleep 60"] } }`;
    expect((await run(workflow(slow))).phase).toBe("Failed");
    const whole = `- { name: main, ${SH} ["sleep 60"] } }`;
    expect(await run(workflow(whole, "activeDeadlineSeconds: 1"))).toMatchObject({
      phase: "Failed",
      message: "Step exceeded its deadline",
    });
  });

  it("keep two runs that name the same mutex from each other", async () => {
    const { start, outcome, folder } = await newBench();
    const own = workflow(
      `- name: main\n  ${SH} ["mkdir ${folder}/lock && sleep 0.1 && rmdir ${folder}/lock"] }`,
      "synchronization: { mutexes: [{ name: m }] }",
    );
    const ids = await Promise.all([start(own), start(own), start(own)]);
    expect((await Promise.all(ids.map(outcome))).map(({ phase }) => phase)).toEqual(
      Array.from({ length: 3 }, () => "Succeeded"),
    );
  });
});

describe("a daemon", () => {
  it("goes on beside the steps after it, and is ended with them", async () => {
    const { run, folder } = await bench;
    const file = `${folder}/daemon`;
    const outcome = await run(
      workflow(`
- name: main
  steps:
  - - { name: server, template: server }
  - - { name: use, template: use, arguments: { parameters: [{ name: ip, value: "{{steps.server.ip}}" }] } }
- { name: server, daemon: true, ${SH} ["trap 'echo ended > ${file}; exit' TERM; echo up > ${file}; while true; do sleep 0.01; done"] } }
- name: use
  inputs: { parameters: [{ name: ip }] }
  ${SH} ["until grep -q up ${file}; do sleep 0.01; done; test {{inputs.parameters.ip}} = 127.0.0.1"] }
`),
    );
    expect(outcome.phase).toBe("Succeeded");
    const { readFileSync } = await import("node:fs");
    expect(readFileSync(file, "utf8")).toBe("ended\n");
  });
});

describe("a memoised template", () => {
  it("is not run again for the same key, in another run either", async () => {
    const { run } = await bench;
    const own = workflow(`
- name: main
  memoize: { key: k, maxAge: 1h, cache: { configMap: { name: c } } }
  outputs: { parameters: [{ name: pid, valueFrom: { path: /tmp/pid } }] }
  ${SH} ["echo $$ > /tmp/pid"] }
`);
    const first = await run(own);
    const second = await run(own);
    expect(second.parameters).toEqual(first.parameters);
    expect([first.steps, second.steps]).toEqual([["main!recall", "main", "main!remember"], ["main!recall"]]);
  });
});

it("arguments of a run count before those of the manifest, and are what its enum allows", async () => {
  const { run } = await bench;
  const own = workflow(
    `
- name: main
  outputs: { parameters: [{ name: got, valueFrom: { path: /tmp/got } }] }
  ${SH} ["echo '{{workflow.parameters.stage}}' > /tmp/got"] }
`,
    "arguments: { parameters: [{ name: stage, value: test, enum: [test, live] }] }",
  );
  expect((await run(own)).parameters).toEqual({ got: "test" });
  expect((await run(own, { stage: "live" })).parameters).toEqual({ got: "live" });
  await expect(run(own, { stage: "other" })).rejects.toThrow("InvalidParameters");
});
