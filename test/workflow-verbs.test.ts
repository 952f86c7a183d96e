/** Workflows as people use them: run, watch, look, signal, cancel, logs, against a real control plane; test files without one. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

const WORKFLOWS = `
kind: Workflow
metadata: { name: order }
spec:
  parameters:
    type: object
    properties:
      id: { type: integer, description: The order's number. }
      note: { type: string }
    required: [id]
    additionalProperties: false
  steps:
    reserve: { type: run, command: [sh, -c, "echo reserving \${param.id}"] }
    pack:
      type: map
      items: [1, 2, 3, 4, 5, 6, 7]
      needs: [reserve]
      body: { steps: { box: { type: pass, output: "\${item}" }, label: { type: wait, duration: 10ms } } }
    paid: { type: wait, signal: paid, needs: [pack] }
  output: { id: "\${param.id}", by: "\${step.paid.by}" }
---
kind: Workflow
metadata: { name: broken }
spec:
  steps:
    fine: { type: run, command: [sh, -c, "echo fine"] }
    bad:
      type: run
      command: [sh, -c, "echo the disk is full; exit 3"]
      needs: [fine]
      retry: [{ errors: ["*"], attempts: 2, interval: 10ms }]
    after: { type: wait, duration: 1h, needs: [bad] }
`;

/** Milliseconds: each verb is a process of its own. */
const LONG = 240_000;

async function nameOf(home: TestHome, args: readonly string[]): Promise<string> {
  return (await home.ok([...args, "-o", "name"])).trim().replace("run/", "");
}

test(
  "a run is started, looked at, signalled and cancelled, and its failure says why and what to do",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(WORKFLOWS), "--yes"]);

    // Nothing starts with parameters that do not fit, and all that is wrong is told.
    const wrong = await home.tutti(["run", "order", "-p", "id=seven", "-p", "nte=x"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/InvalidParameters nte[^]*'note'[^]*InvalidParameters id/);
    expect((await home.tutti(["run", "orde"])).stderr).toContain("Did you mean 'order'?");
    expect(await home.ok(["runs", "-o", "json"])).toBe("[]\n");

    // Once for a key, however often it is said.
    const start = ["run", "order", "-p", "id=7", "--key", "order-7"];
    const name = await nameOf(home, start);
    expect(await nameOf(home, start)).toBe(name);
    const seen = (pattern: RegExp): Promise<string> =>
      until(`runs show to fit ${pattern.source}`, async () => {
        const text = await home.ok(["runs", "show", name]);
        return pattern.test(text) ? text : undefined;
      });
    const shown = await seen(/paid .* waits for: the signal 'paid'/);
    expect(shown).toMatch(/✓ reserve[^]*✓ pack +█{10} 7\/7[^]*… paid[^]*Parameters\n {2}id: 7/);
    expect(await home.ok(["runs", "order", "--running"])).toMatch(
      new RegExp(`^${name} +order +Running`, "m"),
    );
    expect(await home.ok(["logs", `run/${name}`])).toContain("reserve | reserving 7");
    expect(await home.ok(["logs", `run/${name}`, "--step", "reserve"])).toBe("reserving 7\n");
    expect((await home.tutti(["logs", `run/${name}`, "--step", "reserv"])).stderr).toContain(
      "Did you mean 'reserve'?",
    );

    // Paused, nothing further begins; watching goes on after Ctrl-C of who watches.
    await home.ok(["pause", name]);
    await until(
      "the run to be paused",
      async () => /paused/.test(await home.ok(["runs", "show", name])) || undefined,
    );
    await home.ok(["resume", name]);
    const watching = home.start(["runs", "show", name, "--watch"]);
    await until("the watch to have begun", async () => watching.said().includes("reserve") || undefined);
    watching.child.kill("SIGINT");
    const interrupted = await watching.done;
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain(`Cancel it: tutti cancel ${name}`);

    // A signal with the same id counts once; the end is the end of who waits for it.
    const waiting = home.start(["run", "order", "-p", "id=7", "--key", "order-7", "--wait", "-o", "json"]);
    for (let sent = 0; sent < 2; sent++)
      await home.ok(["signal", name, "paid", '{"by":"ann"}', "--id", "payment-1"]);
    const ended = await waiting.done;
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: { phase: "Succeeded", output: { id: 7, by: "ann" } },
    });
    expect((await home.tutti(["signal", name, "paid"])).stderr).toContain(`The run '${name}' has ended.`);

    // A failure: its cause, the last of its log, what to do, and the exit code.
    const failed = await home.tutti(["run", "broken", "--watch"]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /✗ bad {2}\(2 attempts\)[^]*failed after \S+ at the step bad[^]*the disk is full[^]*tutti fork broken-/,
    );
    expect(failed.stdout).toBe("");
    expect(await home.ok(["runs", "--failed"])).toMatch(/^broken-\w+ +broken +Failed +1\/2/m);

    // Cancelled: with the reason, and 1 for who waits.
    const other = await nameOf(home, ["run", "order", "-p", "id=8"]);
    const followed = home.start(["runs", "show", other, "--watch"]);
    await until("the watch to have begun", async () => followed.said().includes("reserve") || undefined);
    await home.ok(["cancel", other, "--reason", "wrong customer"]);
    const cancelled = await followed.done;
    expect(cancelled.code).toBe(1);
    expect(cancelled.stderr).toContain(`cancelled: ${other}`);
    expect(cancelled.stderr).toContain("wrong customer");
    expect(await home.ok(["why", `run/${other}`])).toContain("run order");

    // No codes of terminals in what is piped.
    // oxlint-disable-next-line no-control-regex -- that none is there
    expect(interrupted.stderr + failed.stderr + shown).not.toMatch(/\u001b/);
  },
  LONG,
);

const ASKING = `
kind: Workflow
metadata: { name: release }
spec:
  parameters: { type: object, properties: { version: { type: string } } }
  steps:
    ask:
      type: approval
      subject: { version: "\${param.version}", to: production }
      form:
        type: object
        properties: { ticket: { type: string, description: Where it is written down. } }
        required: [ticket]
  output: "\${step.ask}"
---
kind: Workflow
metadata: { name: report }
spec:
  steps: { write: { type: wait, duration: 10ms } }
---
kind: Schedule
metadata: { name: weekly }
spec:
  workflow: report
  rules: [{ cron: "30 2 * * SUN" }]
  timeZone: Europe/Berlin
  concurrency: { policy: allow }
`;

test(
  "what waits for people is shown and decided as it was shown",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(ASKING), "--yes"]);
    expect((await home.tutti(["approvals"])).stderr).toBe("Nothing waits for a decision.\n");
    const asked = async (version: string): Promise<{ readonly run: string; readonly approval: string }> => {
      const run = await nameOf(home, ["run", "release", "-p", `version=${version}`]);
      const approval = await until("an approval to be asked", async () => {
        const [name] = (await home.ok(["approvals", "-o", "name"])).trim().split("\n");
        return name === "" ? undefined : name;
      });
      return { run, approval: approval.replace("approval/", "") };
    };

    const first = await asked("4.2");
    expect(await home.ok(["approvals", first.approval])).toMatch(
      /to: production\n +version: "?4\.2"?\n[^]*Pending/,
    );
    expect(await home.ok(["runs", "show", first.run])).toMatch(
      /… ask .*waits for: the decision of an approval/,
    );
    const unasked = await home.tutti(["approve", first.approval, "--form", "ticket=OPS-7"]);
    expect(unasked).toMatchObject({ code: 3 });
    expect(unasked.stderr).toMatch(/to: production[^]*Nobody can be asked here/);
    expect((await home.tutti(["approve", first.approval, "--yes"])).stderr).toContain(
      "The form wants 'ticket'.",
    );
    await home.ok(["approve", first.approval, "--form", "ticket=OPS-7", "--comment", "tested", "--yes"]);
    const shown = await until("the run to have ended", async () => {
      const text = await home.ok(["runs", "show", first.run]);
      return text.includes("succeeded") ? text : undefined;
    });
    expect(shown).toContain("OPS-7");
    expect((await home.tutti(["reject", first.approval, "--yes"])).stderr).toContain("is approved already");

    const second = await asked("4.3");
    await home.ok(["reject", second.approval, "--comment", "not on a Friday", "--yes"]);
    const ended = await home.tutti(["runs", "show", second.run, "--watch"]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("not on a Friday");
  },
  LONG,
);

test(
  "a schedule tells its next times, also before it is applied, and is triggered, backfilled and suspended",
  async () => {
    const home = openHome();
    const folder = home.declare(ASKING);
    const times = JSON.parse(
      await home.ok(["schedule", "next", join(folder, "tutti.yaml"), "--count", "30", "-o", "json"]),
    ) as readonly { readonly local: string }[];
    expect(times).toHaveLength(30);
    const several = join(home.folder("several"), "tutti.yaml");
    const schedule = (name: string, cron: string): string =>
      `kind: Schedule\nmetadata: { name: ${name} }\nspec: { rules: [{ cron: "${cron}" }], timeZone: UTC, workflow: release }\n`;
    const [noon, night] = [schedule("noon", "0 12 * * *"), schedule("night", "0 3 * * *")];
    writeFileSync(several, ["kind: System\nmetadata: { name: several }\n", noon, night].join("---\n"));
    expect((await home.tutti(["schedule", "next", several])).stderr).toContain(
      "tutti.yaml#noon (noon, night)",
    );
    expect(await home.ok(["schedule", "next", `${several}#night`, "--count", "1"])).toMatch(/ 03:00 /);
    await home.ok(["up", folder, "--yes"]);
    expect(await home.ok(["schedule", "next", "weekly", "--count", "2"])).toMatch(
      /^TIME +IN +WHY\n\d{4}-\d\d-\d\d 0[23]:\d\d \+0[12]:00 Europe\/Berlin +in \d/,
    );
    const now = await nameOf(home, ["schedule", "trigger", "weekly"]);
    await until("the run to be there", async () => (await home.ok(["runs"])).includes(now) || undefined);
    const backfill = [
      "schedule",
      "backfill",
      "weekly",
      "--from",
      "2026-03-22",
      "--to",
      "2026-03-29",
      "-o",
      "name",
    ];
    const names = (await home.ok(backfill)).trim().split("\n");
    expect(names).toHaveLength(2);
    await until("the runs to be there", async () => {
      const there = await home.ok(["runs", "report", "-o", "name"]);
      return names.every((name) => there.includes(name)) || undefined;
    });
    expect((await home.tutti(backfill)).stderr).toContain("2 there already");
    await home.ok(["schedule", "suspend", "weekly"]);
    expect(await home.ok(["get", "schedules"])).toMatch(/^weekly .* true +\S+$/m);
    await home.ok(["schedule", "resume", "weekly"]);
    expect(await home.ok(["get", "schedules"])).toMatch(/^weekly .* false +\S+$/m);
    expect(
      (await home.tutti(["schedule", "backfill", "weekly", "--from", "soon", "--to", "later"])).code,
    ).toBe(2);
  },
  LONG,
);

const MENDED = `
kind: Workflow
metadata: { name: copy }
spec:
  parameters: { type: object, properties: { file: { type: string } }, required: [file] }
  steps:
    count: { type: run, command: [sh, -c, "echo counted >> \${param.file}.log"] }
    take: { type: run, command: [sh, -c, "cat \${param.file}"], needs: [count], output: text }
  output: "\${step.take}"
`;

test(
  "what failed is done again with what is done already, one run or many",
  async () => {
    const home = openHome();
    await home.ok(["up", home.declare(MENDED), "--yes"]);
    const data = home.folder("data");
    const run = async (file: string): Promise<string> => {
      const { code, stdout } = await home.tutti([
        "run",
        "copy",
        "-p",
        `file=${data}/${file}`,
        "--wait",
        "-o",
        "json",
      ]);
      expect(code).toBe(1);
      return (JSON.parse(stdout) as { readonly metadata: { readonly name: string } }).metadata.name;
    };
    const counted = (file: string): number =>
      readFileSync(join(data, `${file}.log`), "utf8").split("\n").length - 1;
    const first = await run("a");
    writeFileSync(join(data, "a"), "content of a");
    const forked = await home.tutti(["fork", first, "--wait"]);
    expect(forked.code).toBe(0);
    expect(forked.stdout).toContain("content of a");
    expect(counted("a")).toBe(1);
    const name = /run\/(\S+) has begun/.exec(forked.stderr)?.[1] ?? "";
    expect(await home.ok(["runs", "show", name])).toMatch(
      new RegExp(`= count .* as in ${first}[^]*Fork of +${first}`),
    );
    expect((await home.tutti(["fork", first, "--from", "tak"])).code).toBe(2);

    // From the start, with another parameter.
    writeFileSync(join(data, "b"), "content of b");
    const again = await home.tutti(["fork", first, "--from", "", "-p", `file=${data}/b`, "--wait"]);
    expect(again.stdout).toContain("content of b");
    expect(counted("b")).toBe(1);

    // Of one that succeeded nothing is to be done again, unless somebody says so.
    const good = /run\/(\S+) has begun/.exec(again.stderr)?.[1] ?? "";
    const asked = await home.tutti(["fork", good, "--wait"]);
    expect(asked.code).toBe(3);
    expect(asked.stderr).toMatch(/succeeded[^]*do all of it again[^]*--yes/);
    expect(counted("b")).toBe(1);
    await home.ok(["fork", good, "--yes", "--wait"]);
    expect(counted("b")).toBe(2);

    // All that failed.
    await run("c");
    writeFileSync(join(data, "c"), "content of c");
    const many = (
      await home.ok(["fork", "--workflow", "copy", "--failed", "--since", "1h", "-o", "name"])
    ).trim();
    expect(many.split("\n")).toHaveLength(2);
    await until("the forks to have succeeded", async () => {
      const runs = await home.ok(["runs", "copy"]);
      return (
        many.split("\n").every((fork) => new RegExp(`^${fork.slice(4)} +copy +Succeeded`, "m").test(runs)) ||
        undefined
      );
    });
    expect(counted("c")).toBe(1);
    expect((await home.tutti(["fork"])).code).toBe(2);
  },
  LONG,
);

test("a watched run goes on over a kill of the control plane", async () => {
  const home = openHome();
  const folder = home.declare(WORKFLOWS);
  await home.ok(["up", folder, "--yes"]);
  const name = await nameOf(home, ["run", "order", "-p", "id=7"]);
  const watching = home.start(["runs", "show", name, "--watch"]);
  await until("the watch to have begun", async () => watching.said().includes("paid") || undefined);
  await home.killControlPlane();
  await home.ok(["up", folder, "--yes"]);
  await home.ok(["signal", name, "paid", '{"by":"bob"}']);
  const shown = await until("the run to have ended", async () => {
    const text = await home.ok(["runs", "show", name]);
    return text.includes("succeeded") ? text : undefined;
  });
  expect(shown).toContain('"by": "bob"');
  watching.child.kill("SIGINT");
  await watching.done;
});

test("a test file runs without a control plane, line by line, and says what differs", async () => {
  const home = openHome();
  const folder = home.declare(WORKFLOWS);
  const file = join(folder, "order.test.json");
  const given = { reserve: { result: null } };
  const write = (expected: object): void =>
    writeFileSync(
      file,
      JSON.stringify({
        workflow: "./tutti.yaml#order",
        cases: [
          {
            name: "It is paid after an hour",
            parameters: { id: 7 },
            steps: given,
            signals: [{ name: "paid", payload: { by: "ann" }, at: "1h" }],
            expect: { phase: "succeeded", duration: "1h", ...expected },
            crash: "every",
          },
          { name: "It wants an order", parameters: {}, expect: { refused: "InvalidParameters" } },
        ],
      }),
    );
  write({ output: { id: 7, by: "ann" }, order: ["reserve", "paid"], steps: { reserve: "succeeded" } });
  const passed = await home.tutti(["workflow", "test", file]);
  expect(passed).toMatchObject({ code: 0, stderr: "" });
  expect(passed.stdout).toMatch(
    /✓ It is paid after an hour {2}1h, \d+ steps, \d+ crashes\n {2}✓ It wants an order\n\n2 passed/,
  );

  write({ output: { id: 8, by: "ann" } });
  const failed = await home.tutti(["workflow", "test", file]);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/✗ It is paid[^]*output\.id +expected 8\n +but got +7[^]*1 failed, 1 passed/);
  const report = JSON.parse((await home.tutti(["workflow", "test", file, "-o", "json"])).stdout) as object;
  expect(report).toMatchObject({ passed: 1, failed: 1 });

  writeFileSync(
    file,
    JSON.stringify({ workflow: "./tutti.yaml#ordr", cases: [{ name: "x", expect: { phas: "x" } }] }),
  );
  const refused = await home.tutti(["workflow", "test", file]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/UnknownField cases\[0\]\.expect[^]*order\.test\.json:1/);
  writeFileSync(file, JSON.stringify({ workflow: "./tutti.yaml#ordr", cases: [{ name: "x", expect: {} }] }));
  expect((await home.tutti(["workflow", "test", file])).stdout).toContain(
    "Did you mean './tutti.yaml#order'?",
  );
});
