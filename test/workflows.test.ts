/** Workflows as they are used: a real control plane, real processes, killed in the middle. */
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Seen, type TestHome, conditionOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

interface Answer {
  readonly code: number;
  readonly body: any;
}

/** `path`: below the namespace default. */
async function ask(
  home: TestHome,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`${home.registration()?.url}/apis/tutti.dev/v1/namespaces/default/${path}`, {
    method,
    headers: { authorization: `Bearer ${home.token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { code: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

const workflow = (name: string, spec: object): object => ({ kind: "Workflow", metadata: { name }, spec });

function declared(home: TestHome, ...resources: readonly object[]): string {
  return home.declare(resources.map((resource) => JSON.stringify(resource)).join("\n---\n"));
}

async function start(home: TestHome, name: string, spec: object): Promise<void> {
  const { code, body } = await ask(home, "POST", "runs", { kind: "Run", metadata: { name }, spec });
  expect(code, JSON.stringify(body)).toBe(201);
}

function ended(home: TestHome, name: string): Promise<Seen> {
  return until(`the end of run ${name}`, async () => {
    const run = await home.get(`Run/${name}`);
    return run?.status?.["endedAt"] === undefined ? undefined : run;
  });
}

const at = (home: TestHome, name: string, step: string): Promise<unknown> =>
  until(`${name} to be at ${step}`, async () => {
    const { body } = await ask(home, "GET", `runs/${name}/steps`);
    return (body.items as readonly any[]).find(({ path, phase }) => path === step && phase === "running");
  });

test("a workflow that is applied runs its steps: processes, functions of its module, waits; with logs and results", async () => {
  const home = openHome();
  const folder = declared(
    home,
    workflow("greet", {
      parameters: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
      handlers: "handlers.ts",
      steps: {
        hello: {
          type: "run",
          command: ["sh", "-c", "echo to the log >&2; echo hello ${param.name}"],
          output: "text",
        },
        shout: {
          type: "function",
          handler: "shout",
          input: { text: "${step.hello.output}" },
          needs: ["hello"],
        },
        pause: { type: "wait", duration: "10ms", needs: ["shout"] },
      },
      output: "${step.shout}",
    }),
  );
  writeFileSync(
    join(folder, "handlers.ts"),
    'import { handler } from "tutti";\nexport const shout = handler("shout", ({ text }: { text: string }) => text.toUpperCase());\n',
  );
  await home.ok(["up", folder]);
  await start(home, "one", { workflow: "greet", parameters: { name: "world" } });
  const run = await ended(home, "one");
  expect(run.status).toMatchObject({
    phase: "Succeeded",
    output: "HELLO WORLD",
    steps: { total: 3, succeeded: 3 },
  });
  const log = await fetch(
    `${home.registration()?.url}/apis/tutti.dev/v1/namespaces/default/runs/one/log?step=hello`,
    { headers: { authorization: `Bearer ${home.token}` } },
  );
  expect(await log.text()).toContain("to the log");
  expect(await home.ok(["get", "runs"])).toMatch(/one\s+greet\s+Succeeded\s+3\/3/);
  const { code, body } = await ask(home, "POST", "runs", {
    kind: "Run",
    metadata: { generateName: "greet-" },
    spec: { workflow: "greet", parameters: { name: 7 } },
  });
  expect([code, body.reason]).toEqual([422, "Invalid"]);
  expect(body.message).toContain("spec.parameters.name");
});

test("definitions that cannot work are refused with everything that is wrong, and where", async () => {
  const home = openHome();
  await home.serve();
  const { code, body } = await ask(home, "POST", "workflows", {
    ...workflow("bad", {
      start: "a",
      steps: {
        a: { type: "pass", next: "nowhere" },
        b: { type: "wait", duration: "soon", next: "a" },
        c: { type: "pass", output: "${steps.a}" },
      },
    }),
  });
  expect(code).toBe(422);
  const paths = (body.details.diagnostics as readonly any[]).map(
    ({ path, code: reason }) => `${reason} ${path}`,
  );
  expect(paths).toEqual(
    expect.arrayContaining([
      expect.stringContaining("spec.steps.a"),
      expect.stringContaining("spec.steps.b"),
      expect.stringContaining("spec.steps.c.output"),
    ]),
  );
});

test("a run goes on where it was when the control plane is killed, and no step is done twice", async () => {
  const home = openHome();
  const traces = home.folder("traces");
  const trace = (name: string): string[] => ["sh", "-c", `echo $$ >> ${join(traces, name)}`];
  const folder = declared(
    home,
    workflow("long", {
      steps: {
        first: { type: "run", command: trace("first") },
        go: { type: "wait", signal: "go", needs: ["first"] },
        last: { type: "run", command: trace("last"), needs: ["go"] },
      },
      output: "${step.go}",
    }),
  );
  await home.ok(["up", folder]);
  await start(home, "r", { workflow: "long" });
  await at(home, "r", "go");
  await home.killControlPlane();
  await home.serve();
  await until("the signal to be taken", async () => {
    const { code } = await ask(home, "POST", "runs/r/signal", { name: "go", id: "s1", payload: { n: 1 } });
    return code === 200;
  });
  expect((await ask(home, "POST", "runs/r/signal", { name: "go", id: "s1", payload: { n: 2 } })).code).toBe(
    200,
  );
  const run = await ended(home, "r");
  expect(run.status).toMatchObject({ phase: "Succeeded", output: { n: 1 } });
  for (const name of ["first", "last"])
    expect(readFileSync(join(traces, name), "utf8").trim().split("\n")).toHaveLength(1);
});

test("a run that is cancelled cleans up; one that is deleted is stopped and forgotten", async () => {
  const home = openHome();
  const traces = home.folder("traces");
  const folder = declared(
    home,
    workflow("endless", {
      steps: { sleep: { type: "run", command: ["sleep", "1000"] } },
      finally: { steps: { tidy: { type: "run", command: ["touch", join(traces, "tidy")] } } },
    }),
  );
  await home.ok(["up", folder]);
  await start(home, "one", { workflow: "endless" });
  await at(home, "one", "sleep");
  expect((await ask(home, "POST", "runs/one/cancel", { reason: "enough" })).code).toBe(200);
  expect((await ended(home, "one")).status).toMatchObject({ phase: "Cancelled", reason: "enough" });
  expect(existsSync(join(traces, "tidy"))).toBe(true);
  expect((await ask(home, "POST", "runs/one/cancel")).code).toBe(409);

  await start(home, "two", { workflow: "endless" });
  await at(home, "two", "sleep");
  expect((await ask(home, "DELETE", "runs/two")).code).toBe(200);
  await until("run two to be gone", async () => (await home.get("Run/two")) === undefined);
  expect((await ask(home, "DELETE", "runs/one")).code).toBe(200);
  await until("run one to be gone", async () => (await home.get("Run/one")) === undefined);
  const logs = join(home.path, "workflows", "logs", "default");
  expect(existsSync(logs) ? readdirSync(logs) : []).toEqual([]);
  await start(home, "one", { workflow: "endless" });
  await at(home, "one", "sleep");
});

test("a run that failed is forked from its failure, and what was done is not done again", async () => {
  const home = openHome();
  const traces = home.folder("traces");
  const once = `echo x >> ${join(traces, "once")}`;
  const folder = declared(
    home,
    workflow("brittle", {
      steps: {
        once: { type: "run", command: ["sh", "-c", once] },
        fragile: { type: "run", command: ["test", "-e", join(traces, "mended")], needs: ["once"] },
      },
    }),
  );
  await home.ok(["up", folder]);
  await start(home, "r", { workflow: "brittle" });
  expect((await ended(home, "r")).status).toMatchObject({ phase: "Failed", failure: { step: "fragile" } });
  writeFileSync(join(traces, "mended"), "");
  const { code, body } = await ask(home, "POST", "runs/r/fork", { name: "again" });
  expect([code, body.metadata?.name]).toEqual([201, "again"]);
  expect((await ended(home, "again")).status).toMatchObject({ phase: "Succeeded" });
  expect(readFileSync(join(traces, "once"), "utf8")).toBe("x\n");
  const bulk = await ask(home, "POST", "workflows/brittle/fork-runs", { failed: true });
  expect(bulk.body.items).toHaveLength(1);
  await ended(home, bulk.body.items[0].metadata.name);
});

test("an approval holds a run until those who may have decided about exactly what is asked", async () => {
  const home = openHome();
  const folder = declared(
    home,
    workflow("release", {
      steps: {
        gate: { type: "approval", subject: { version: "4.2" }, assignees: ["maria"] },
        ship: { type: "pass", output: "shipped", needs: ["gate"] },
      },
      output: "${step.ship}",
    }),
  );
  await home.ok(["up", folder]);
  await start(home, "r", { workflow: "release" });
  const approval = await until("the approval", async () => (await home.list("Approval"))[0]);
  const path = `approvals/${approval.metadata.name}/decide`;
  const decide = (who: string, more: object = {}): Promise<Answer> =>
    ask(home, "POST", path, { decision: "approve", ...more }, { "impersonate-user": who });
  expect((await decide("jo")).code).toBe(403);
  expect((await decide("maria", { hash: "sha256:other" })).code).toBe(409);
  expect((await decide("maria", { comment: "Go." })).body.status).toMatchObject({
    state: "Approved",
    decisions: [{ by: "maria", comment: "Go." }],
  });
  expect((await ended(home, "r")).status).toMatchObject({ phase: "Succeeded", output: "shipped" });
});

test("a schedule starts runs, also those for signed webhooks and files that come, each once", async () => {
  const home = openHome();
  const inbox = home.folder("inbox");
  const key = "a key for tests";
  const folder = declared(
    home,
    { kind: "Secret", metadata: { name: "hook" }, stringData: { key } },
    workflow("work", {
      parameters: { type: "object", properties: { of: { type: "string" } } },
      steps: { a: { type: "pass", output: "${param.of}" } },
      output: "${step.a}",
    }),
    {
      kind: "Schedule",
      metadata: { name: "often" },
      spec: { workflow: "work", rules: [{ every: "1s" }], parameters: { of: "${event.type}" } },
    },
    {
      kind: "Schedule",
      metadata: { name: "upon" },
      spec: {
        workflow: "work",
        concurrency: { policy: "allow" },
        parameters: { of: "${has(event.name) ? event.name : event.body.what}" },
        triggers: [
          { name: "hook", webhook: { secret: "hook" } },
          { name: "files", file: { directory: inbox, pattern: "*.csv", settle: "100ms", interval: "100ms" } },
        ],
      },
    },
  );
  await home.ok(["up", folder]);
  await until("two runs of the clock", async () => {
    const runs = await home.list("Run");
    return (
      runs.filter(({ status, spec }) => status?.["output"] === "schedule" && spec?.["cause"].name === "often")
        .length >= 2
    );
  });
  const next = await ask(home, "GET", "schedules/often/next?count=3");
  expect(next.body.items).toHaveLength(3);

  const send = async (id: string, body: string, secret: string, age = 0): Promise<number> => {
    const timestamp = String(Math.floor(Date.now() / 1000) - age);
    const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
    const response = await fetch(`${home.registration()?.url}/hooks/default/upon/hook`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signature}`,
      },
      body,
    });
    return response.status;
  };
  const body = JSON.stringify({ what: "delivered" });
  expect(await send("d1", body, "another key")).toBe(401);
  expect(await send("d1", body, key, 3600)).toBe(401);
  expect(await send("d1", body, key)).toBe(202);
  expect(await send("d1", body, key)).toBe(202);
  mkdirSync(inbox, { recursive: true });
  writeFileSync(join(inbox, "a.csv"), "1");
  const outputs = (): Promise<readonly string[]> =>
    home.list("Run").then((runs) =>
      runs
        .filter(({ spec }) => spec?.["cause"]?.name === "upon")
        .map(({ status }) => String(status?.["output"]))
        .toSorted(),
    );
  await until("both runs", async () => (await outputs()).join() === "a.csv,delivered");
  await home.killControlPlane();
  await home.serve();
  expect(await send("d1", body, key)).toBe(202);
  writeFileSync(join(inbox, "b.csv"), "2");
  await until("the run of the second file", async () => (await outputs()).includes("b.csv"));
  expect(await outputs()).toEqual(["a.csv", "b.csv", "delivered"]);

  const now = await ask(home, "POST", "schedules/often/trigger");
  expect(now.code).toBe(201);
  expect((await ended(home, now.body.metadata.name)).status?.["phase"]).toBe("Succeeded");
  const past = Date.now() - 3_600_000;
  const filled = await ask(home, "POST", "schedules/often/backfill", {
    from: new Date(past).toISOString(),
    to: new Date(past + 2500).toISOString(),
  });
  expect(filled.body.runs.length).toBeGreaterThanOrEqual(2);
  for (const { name } of filled.body.runs) await ended(home, name);
});

test("a run waits for a workflow that does not exist, and begins when it does", async () => {
  const home = openHome();
  await home.serve();
  await start(home, "early", { workflow: "later" });
  const waiting = await until("its condition", async () => conditionOf(await home.get("Run/early"), "Ready"));
  expect(waiting).toMatchObject({ status: "False", reason: "UnknownWorkflow" });
  await ask(home, "POST", "workflows", workflow("later", { steps: { a: { type: "pass", output: 1 } } }));
  expect((await ended(home, "early")).status?.["phase"]).toBe("Succeeded");
});
