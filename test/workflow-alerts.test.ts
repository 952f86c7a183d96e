/** A run that misses its deadline is alerted of, with why; and an alert starts a run. */
import { expect, test } from "vitest";
import { conditionOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** Of scrapes and rules on a slow machine. */
const PATIENCE = 90_000;

test("a late run raises an alert that says which step holds it up, and the alert starts a run", async () => {
  const home = openHome();
  const resources = [
    {
      kind: "Workflow",
      metadata: { name: "nightly" },
      spec: { steps: { load: { type: "wait", signal: "never" } } },
    },
    {
      kind: "Workflow",
      metadata: { name: "tell" },
      spec: {
        steps: {
          note: { type: "pass", output: "${param.notification.commonLabels.alertname} for ${param.team}" },
        },
        output: "${step.note}",
      },
    },
    {
      kind: "Receiver",
      metadata: { name: "team" },
      spec: {
        workflow: { name: "tell", input: { team: "data" } },
        matchers: ['alertname="WorkflowRunLate"'],
        groupWait: "1s",
      },
    },
  ];
  await home.ok(["up", home.declare(resources.map((one) => JSON.stringify(one)).join("\n---\n"))]);
  const { url } = home.registration() ?? { url: "" };
  const start = async (name: string, spec: object): Promise<void> => {
    const response = await fetch(`${url}/apis/tutti.dev/v1/namespaces/default/runs`, {
      method: "POST",
      headers: { authorization: `Bearer ${home.token}`, "content-type": "application/json" },
      body: JSON.stringify({ kind: "Run", metadata: { name }, spec: { workflow: "nightly", ...spec } }),
    });
    expect(response.status).toBe(201);
  };
  // The first run of a control plane waits until the engine is open; what the alert tells is as it was when it was raised.
  await start("first", {});
  await until("a run at its step", async () =>
    ((await home.get("Run/first"))?.status?.["now"] as readonly string[] | undefined)?.includes("load"),
  );
  await start("tonight", { deadline: new Date(Date.now() + 1_000).toISOString() });
  await until("the condition Late", async () =>
    conditionOf(await home.get("Run/tonight"), "Late")?.message.includes("Step 'load'"),
  );
  const alert = await until(
    "the alert",
    async () =>
      (await home.list("Alert")).find(
        ({ spec, status }) =>
          spec?.["labels"].alertname === "WorkflowRunLate" && status?.["state"] === "firing",
      ),
    PATIENCE,
  );
  expect(alert.spec?.["annotations"].description).toMatch(/^Step 'load' .* run\/tonight has not ended/);
  const told = await until(
    "the run of the receiver",
    async () =>
      (await home.list("Run")).find(
        ({ spec, status }) => spec?.["workflow"] === "tell" && status?.["phase"] === "Succeeded",
      ),
    PATIENCE,
  );
  expect(told.status?.["output"]).toBe("WorkflowRunLate for data");
});
