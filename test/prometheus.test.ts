/** A Monitor of class prometheus: a real Prometheus and Alertmanager observe what is deployed, and find the same. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { openHome } from "./support/open-home.ts";
import type { Seen, TestHome } from "./support/home.ts";
import { leftBehind } from "./support/left-behind.ts";
import { startedBy } from "./support/processes.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

const run = promisify(execFile);

interface Told {
  readonly status: string;
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[];
}

/** Keeps what it is told. */
async function webhook(): Promise<{ readonly url: string; readonly told: Told[] }> {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      told.push(JSON.parse(text) as Told);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, told };
}

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

/** Without what differs from one home to the other. */
function ruleNames(rules: readonly { readonly name: string; readonly query: string }[]): readonly string[] {
  return rules.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b));
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

async function raised(
  spec: object,
): Promise<{ readonly home: TestHome; readonly labels: unknown; readonly told: Told[] }> {
  const { url, told } = await webhook();
  const home = openHome();
  await home.ok(["up", home.declare(`${web({ replicas: 2 })}\n---\n${monitored(url, spec)}`), "--yes"]);
  await home.ok(["scale", "api", "1"]);
  const firing = await alert(home, "firing");
  await until("the notification", () => told.some(({ status }) => status === "firing"), 60_000);
  await home.ok(["scale", "api", "2"]);
  await alert(home, "resolved");
  await until("the end of it", () => told.some(({ status }) => status === "resolved"), 60_000);
  return { home, labels: { labels: firing.spec["labels"], annotations: firing.spec["annotations"] }, told };
}

test("a Prometheus of its own raises the same alerts as the embedded engine, tells the same people, and goes with the Monitor", async () => {
  const [embedded, real] = await Promise.all([raised({}), raised({ class: "prometheus" })]);
  expect(real.labels).toEqual(embedded.labels);
  expect(real.told[0]?.alerts[0]?.labels).toEqual(embedded.told[0]?.alerts[0]?.labels);

  const url = String((await real.home.get("Monitor/web"))?.status?.["url"]);
  const theirs = (await (await fetch(`${url}/api/v1/rules`)).json()) as {
    readonly data: {
      readonly groups: { readonly rules: { readonly name: string; readonly query: string }[] }[];
    };
  };
  const ours = (await embedded.home.client().prometheus("rules")) as {
    readonly groups: {
      readonly file: string;
      readonly rules: { readonly name: string; readonly query: string }[];
    }[];
  };
  const ofSystem = ours.groups.filter(({ file }) => !/control-plane|location\./.test(file));
  expect(ruleNames(theirs.data.groups.flatMap(({ rules }) => rules))).toEqual(
    ruleNames(ofSystem.flatMap(({ rules }) => rules)),
  );
  const { stdout } = await run("promtool", ["query", "instant", url, 'up{job="balancers"}']);
  expect(stdout).toContain("=> 1");

  await real.home.ok(["down", "web", "--yes"]);
  expect(startedBy(real.home.path)).toEqual([]);
  expect(leftBehind(real.home.path)).toEqual([]);
});

test("its Prometheus is killed, and comes back with everything in force", async () => {
  const { url } = await webhook();
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
