/** Workflows as programs ask for them: `client.workflows` against a real control plane. */
import { expect, test } from "vitest";
import { openHome } from "./support/open-home.ts";

const WORKFLOW = `
kind: Workflow
metadata: { name: greet }
spec:
  parameters: { type: object, properties: { who: { type: string } }, required: [who] }
  steps:
    hello: { type: run, command: [sh, -c, "echo hello \${param.who}"], output: text }
    go: { type: wait, signal: go, needs: [hello] }
  output: "\${step.hello.output}, \${step.go}"
`;

test("a program starts a run once, follows it, signals it, and has its result", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(WORKFLOW), "--yes"]);
  const { workflows } = home.client();
  await expect(workflows.start("greet", { parameters: { who: 1 } })).rejects.toMatchObject({ code: 422 });
  const options = { parameters: { who: "ann" }, key: "once" };
  const [run, same] = await Promise.all([
    workflows.start("greet", options),
    workflows.start("greet", options),
  ]);
  const { name } = run.metadata;
  expect(same.metadata).toMatchObject({ name, uid: run.metadata.uid });

  const phases: (string | undefined)[] = [];
  const watching = (async () => {
    for await (const seen of workflows.watch(name)) phases.push(seen.status?.phase);
  })();
  const types: string[] = [];
  for await (const event of workflows.events(name, { follow: true })) {
    expect(event.index).toBe(types.length);
    types.push(event.type);
    if (event.type === "StepStarted" && event.step === "go")
      for (let sent = 0; sent < 2; sent++)
        await workflows.signal(name, { name: "go", payload: "go", id: "1" });
  }
  expect(types[0]).toBe("RunCreated");
  expect(types.at(-1)).toBe("RunEnded");
  expect(types.filter((type) => type === "SignalReceived")).toHaveLength(1);
  expect((await workflows.result(name)).status).toMatchObject({
    phase: "Succeeded",
    output: "hello ann, go",
  });
  await watching;
  expect(phases.at(-1)).toBe("Succeeded");

  expect((await workflows.steps(name)).map(({ path, phase }) => [path, phase])).toEqual([
    ["hello", "succeeded"],
    ["go", "succeeded"],
  ]);
  const lines: string[] = [];
  for await (const line of workflows.log(name, { step: "hello" })) lines.push(line);
  expect(lines).toEqual(["hello ann"]);
  expect(await workflows.query(name)).toMatchObject({ phase: "succeeded", input: { who: "ann" } });
  await expect(workflows.cancel(name)).rejects.toMatchObject({ code: 409 });
  await expect(workflows.result("nobody")).rejects.toMatchObject({ code: 404 });
});

test("what is asked of a run and is so already is done; what its phase refuses is told as such, and is no conflict", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(WORKFLOW), "--yes"]);
  const { workflows } = home.client();
  const { name } = (await workflows.start("greet", { parameters: { who: "ann" } })).metadata;
  for (let times = 0; times < 2; times++) await workflows.pause(name);
  for (let times = 0; times < 2; times++) await workflows.resume(name);
  await workflows.cancel(name);
  expect((await workflows.result(name)).status?.phase).toBe("Cancelled");

  const { code, stderr } = await home.start(["pause", name]).done;
  expect(code).toBe(1);
  expect(stderr).toContain(`The run '${name}' has ended.`);
});
