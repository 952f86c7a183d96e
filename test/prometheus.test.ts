/** A Monitor of class prometheus: a real Prometheus and Alertmanager observe what is deployed, and find the same. */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../src/provider/ports.ts";
import { openHome } from "./support/open-home.ts";
import type { Seen, TestHome } from "./support/home.ts";
import { leftBehind } from "./support/left-behind.ts";
import { startedBy } from "./support/processes.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";
import { type Told, openWebhook } from "./support/webhook.ts";

const run = promisify(execFile);

function monitored(hook: string, spec: object): string {
  const documents = [
    { kind: "Monitor", metadata: { name: "web" }, spec: { interval: "1s", ...spec } },
    {
      kind: "AlertRule",
      metadata: { name: "lonely" },
      spec: {
        groups: [
          {
            name: "lonely",
            interval: "1s",
            rules: [
              {
                alert: "Lonely",
                expr: 'count by (tutti_service) (tutti_instance_ready{tutti_service="api"} == 1) < 2',
                for: "1s",
                labels: { severity: "critical" },
                annotations: { summary: "{{ $labels.tutti_service }} has {{ $value }} instance." },
              },
            ],
          },
        ],
      },
    },
    {
      kind: "Receiver",
      metadata: { name: "hook" },
      spec: {
        webhook: { url: hook },
        matchers: ['alertname="Lonely"'],
        groupWait: "0s",
        groupInterval: "1s",
      },
    },
  ];
  return documents.map((document) => JSON.stringify(document)).join("\n---\n");
}

interface Rule {
  readonly name: string;
  readonly type: string;
  readonly duration?: number;
  readonly labels?: object;
  readonly annotations?: object;
}

interface Groups {
  readonly groups: readonly { readonly file: string; readonly rules: readonly Rule[] }[];
}

/** Without the expressions, which each writes in its own way. */
function rulesIn({ groups }: Groups): readonly object[] {
  return groups
    .flatMap(({ rules }) => rules)
    .map(({ name, type, duration, labels = {}, annotations = {} }) => ({
      name,
      type,
      duration,
      labels,
      annotations,
    }))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function alert(home: TestHome, state: string): Promise<Seen> {
  return until(
    `the alert to be ${state}`,
    async () => {
      const { items } = JSON.parse(await home.ok(["get", "alerts", "-o", "json"])) as {
        readonly items: Seen[];
      };
      return items.find(
        ({ spec, status }) => spec["labels"]["alertname"] === "Lonely" && status?.["state"] === state,
      );
    },
    60_000,
  );
}

interface Raised {
  readonly home: TestHome;
  readonly alert: object;
  readonly told: Pick<Told, "labels" | "annotations">;
}

async function raised(spec: object): Promise<Raised> {
  const hook = await openWebhook();
  const home = openHome();
  await home.ok(["up", home.declare(`${web({ replicas: 2 })}\n---\n${monitored(hook.url, spec)}`), "--yes"]);
  await home.ok(["scale", "api", "1"]);
  const firing = await alert(home, "firing");
  const { alert: told } = await hook.told("Lonely", "firing", 60_000);
  await home.ok(["scale", "api", "2"]);
  await alert(home, "resolved");
  await hook.told("Lonely", "resolved", 60_000);
  const { labels, annotations } = told;
  const seen = { labels: firing.spec["labels"] as object, annotations: firing.spec["annotations"] as object };
  return { home, alert: seen, told: { labels, annotations } };
}

test("a Prometheus of its own raises the same alerts as the embedded engine, tells the same people, and goes with the Monitor", async () => {
  const [embedded, real] = await Promise.all([raised({}), raised({ class: "prometheus" })]);
  expect(real.alert).toEqual(embedded.alert);
  expect(real.told).toEqual(embedded.told);

  const url = String((await real.home.get("Monitor/web"))?.status?.["url"]);
  const theirs = ((await (await fetch(`${url}/api/v1/rules`)).json()) as { readonly data: Groups }).data;
  const ours = (await embedded.home.client().prometheus("rules")) as Groups;
  const ofSystem = ours.groups.filter(({ file }) => !/control-plane|location\./.test(file));
  expect(rulesIn(theirs)).toEqual(rulesIn({ groups: ofSystem }));
  expect(rulesIn(theirs).length).toBeGreaterThan(20);
  const { stdout } = await run("promtool", ["query", "instant", url, 'up{job="balancers"}']);
  expect(stdout).toContain("=> 1");

  await real.home.ok(["down", "web", "--yes"]);
  expect(startedBy(real.home.path)).toEqual([]);
  expect(leftBehind(real.home.path)).toEqual([]);
});

test("its Prometheus is killed, and comes back with everything in force", async () => {
  const { url } = await openWebhook();
  const home = openHome();
  await home.ok([
    "up",
    home.declare(`${web({ replicas: 2 })}\n---\n${monitored(url, { class: "prometheus" })}`),
    "--yes",
  ]);
  const victim = startedBy(home.path).find(({ command }) => command.includes("prometheus.yml"));
  expect(victim).toBeDefined();
  process.kill(victim?.pid ?? 0, "SIGKILL");
  const address = String((await home.get("Monitor/web"))?.status?.["url"]);
  await until("another one with the targets", async () => {
    const targets = (await (await fetch(`${address}/api/v1/targets`)).json()) as {
      readonly data: { readonly activeTargets: readonly { readonly health: string }[] };
    };
    return targets.data.activeTargets.some(({ health }) => health === "up");
  });
  expect(startedBy(home.path).some(({ pid }) => pid === victim?.pid)).toBe(false);
});

test("a Monitor that goes back to the control plane leaves no Prometheus behind", async () => {
  const home = openHome();
  const declared = (spec: object): string =>
    home.declare(
      [
        { kind: "System", metadata: { name: "web" } },
        { kind: "Monitor", metadata: { name: "web" }, spec },
      ]
        .map((one) => JSON.stringify(one))
        .join("\n---\n"),
    );
  await home.ok(["up", declared({ class: "prometheus" }), "--yes"]);
  expect(startedBy(home.path)).toHaveLength(2);
  await home.ok(["up", declared({}), "--yes"]);
  expect(startedBy(home.path)).toHaveLength(2);
  await home.ok(["up", declared({ class: "embedded" }), "--yes"]);
  await until("them being gone", () => startedBy(home.path).length === 0);
  await until("their files being gone", () => leftBehind(home.path).length === 0);
  await until("the control plane having its rules", async () => {
    const { groups } = (await home.client().prometheus("rules")) as Groups;
    return groups.some(({ file }) => file.includes("system.web"));
  });
});

/** One that somebody else runs: it asks the control plane what to scrape. */
async function someonesPrometheus(home: TestHome): Promise<{ readonly url: string; readonly rules: string }> {
  const folder = home.folder("prometheus");
  const rules = join(folder, "rules");
  mkdirSync(rules);
  const authorization = { type: "Bearer", credentials_file: join(home.path, "token") };
  const discovery = `${home.registration()?.url ?? ""}/monitoring/http_sd/default/web`;
  const jobs = ["own=true&honor_labels=true", "own=true&honor_labels=false", "own=false"];
  const configuration = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [`${rules}/*.json`],
    scrape_configs: jobs.map((parameters) => ({
      job_name: parameters,
      honor_labels: parameters.endsWith("honor_labels=true"),
      ...(parameters.startsWith("own=true") ? { authorization } : {}),
      http_sd_configs: [{ url: `${discovery}?${parameters}`, refresh_interval: "1s", authorization }],
    })),
  };
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(configuration));
  const port = (await freePort({ seed: folder })) ?? 0;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--web.enable-lifecycle",
    ],
    { stdio: "ignore" },
  );
  const ended = new Promise((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  await until("the Prometheus", async () => (await fetch(`${url}/-/ready`)).ok);
  return { url, rules };
}

test("a Prometheus that is there scrapes what the control plane tells it, evaluates the rules, and is what services are scaled by", async () => {
  const home = openHome();
  const serving = await home.serve();
  const server = await someonesPrometheus(home);
  const documents = [
    { kind: "System", metadata: { name: "web" } },
    {
      kind: "Service",
      metadata: { name: "api" },
      spec: {
        command: "sleep 1000",
        autoscale: {
          minReplicas: 1,
          maxReplicas: 5,
          metrics: [
            {
              type: "Query",
              query: { expression: "work_to_do", target: { type: "AverageValue", averageValue: "2" } },
            },
          ],
        },
      },
    },
    { kind: "Monitor", metadata: { name: "web" }, spec: { class: "prometheus", interval: "1s", server } },
    {
      kind: "AlertRule",
      metadata: { name: "work" },
      spec: {
        groups: [{ name: "work", interval: "1s", rules: [{ record: "work_to_do", expr: "vector(6)" }] }],
      },
    },
  ];
  await home.ok(["up", home.declare(documents.map((one) => JSON.stringify(one)).join("\n---\n")), "--yes"]);
  await home.settled("api", 3);
  const measured = async (...options: readonly string[]): Promise<readonly { readonly value: number }[]> =>
    JSON.parse(await home.ok(["metrics", "query", "--instant", "-o", "json", ...options])) as readonly {
      readonly value: number;
    }[];
  expect(await measured("work_to_do")).toEqual([]);
  expect(await measured("--monitor", "web", "work_to_do")).toMatchObject([{ value: 6 }]);
  const targets = await until("targets that are up", async () => {
    const rows = JSON.parse(
      await home.ok(["metrics", "targets", "--monitor", "web", "-o", "json"]),
    ) as readonly { readonly health: string; readonly labels: { readonly job: string } }[];
    return rows.length > 1 && rows.every(({ health }) => health === "up") && rows;
  });
  expect(targets.map(({ labels: { job } }) => job)).toEqual(expect.arrayContaining(["instances", "tutti"]));
  expect(readdirSync(server.rules)).not.toEqual([]);

  await home.ok(["down", "web", "--yes"]);
  expect(readdirSync(server.rules)).toEqual([]);
  expect(leftBehind(home.path)).toEqual([]);
  serving.child.kill("SIGTERM");
  await serving.done;
});
