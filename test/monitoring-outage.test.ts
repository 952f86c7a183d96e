import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestHome, isReady, kill } from "./support/home.ts";
import { type Silence, query, silences } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { allPids, parentOf, processesOf } from "./support/processes.ts";
import { until } from "./support/until.ts";
import { alertRule, documents, openWebhook, tells } from "./support/webhook.ts";

const LABELS = { tutti_namespace: "default", tutti_system: "shop", tutti_resource: "service/api" };

/** A service whose program is a file of the test: it may be replaced while it runs. */
function shop(program: string): string {
  return documents(
    { kind: "System", metadata: { name: "shop" } },
    {
      kind: "Service",
      metadata: { name: "api" },
      spec: {
        command: ["node", program],
        replicas: 2,
        ports: [{ name: "http" }],
        restart: { backoff: "200ms", maxBackoff: "1s" },
        stop: { grace: "1s" },
      },
    },
    alertRule("NobodyServes", 'max(tutti_service_replicas_ready{tutti_resource="service/api"}) == 0', {
      for: "1s",
      // Without it, it would be held back by the generated alert of the same outage.
      labels: { ...LABELS, tutti_impact: "outage" },
    }),
  );
}

const GOOD =
  'require("node:http").createServer((_, response) => response.end("good")).listen(process.env.PORT, "127.0.0.1");';
const BROKEN = "process.exit(3);";

test(
  "a service whose program has broken alerts whoever is to be told, and tells when it is healed",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const webhook = await openWebhook();
    const program = join(home.folder("program"), "server.cjs");
    writeFileSync(program, GOOD);
    await home.ok(["up", home.declare(tells(webhook.url), { folder: "pager" })]);
    await home.ok(["up", home.declare(shop(program))]);
    await watched(home);
    expect(webhook.messages).toEqual([]);

    writeFileSync(program, BROKEN);
    const broken = Date.now();
    await killAll(home, "api");
    const { alert, message } = await webhook.told("NobodyServes", "firing", 60_000);
    expect(message).toMatchObject({
      version: "4",
      status: "firing",
      receiver: "default/desk",
      commonLabels: { ...LABELS, alertname: "NobodyServes", severity: "critical" },
      commonAnnotations: { summary: "NobodyServes is so." },
      externalURL: `${home.registration()?.url.replace(/\/$/, "")}/alertmanager`,
    });
    expect(message.groupKey).toMatch(/^\{\}.*NobodyServes/);
    expect(alert.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(alert.generatorURL).toContain("tutti_service_replicas_ready");
    expect(Date.parse(alert.startsAt)).toBeGreaterThan(broken);
    expect(alert.endsAt).toBe("0001-01-01T00:00:00Z");
    console.log(`own alert told ${Date.now() - broken} ms after the program broke`);

    const generated = await webhook.told("ServiceDown", "firing", 90_000);
    console.log(`ServiceDown told ${Date.now() - broken} ms after the program broke`);
    expect(generated.alert.labels).toMatchObject({ ...LABELS, severity: "critical" });
    expect(generated.alert.annotations).toMatchObject({
      summary: "No instance of service/api is ready.",
      runbook_url: expect.stringMatching(/servicedown$/) as string,
    });
    expect(await home.ok(["alerts"])).toMatch(/firing.*ServiceDown.*service\/api/);
    expect(await home.ok(["describe", "service/api"])).toContain("ServiceDown");

    writeFileSync(program, GOOD);
    const mended = Date.now();
    const { alert: over } = await webhook.told("NobodyServes", "resolved", 60_000);
    console.log(`resolved told ${Date.now() - mended} ms after the program was mended`);
    expect(over).toMatchObject({ fingerprint: alert.fingerprint, startsAt: alert.startsAt });
    expect(Date.parse(over.endsAt)).toBeGreaterThan(Date.parse(over.startsAt));
    const [count] = [webhook.alerts().filter(({ labels }) => labels["alertname"] === "NobodyServes")];
    expect(count.map(({ status }) => status)).toEqual(["firing", "resolved"]);
  },
);

test("instances that are killed again and again alert although they are replaced", async () => {
  const home = openHome();
  const webhook = await openWebhook();
  const program = join(home.folder("program"), "server.cjs");
  writeFileSync(program, GOOD);
  await home.ok(["up", home.declare(tells(webhook.url), { folder: "pager" })]);
  await home.ok(["up", home.declare(shop(program))]);
  await watched(home);
  const began = Date.now();
  for (let round = 0; round < 3; round += 1) {
    const before = await home.pids("api");
    await killAll(home, "api");
    await until("replacements", async () => {
      const all = await home.instances("api");
      const pids = await home.pids("api");
      return all.length === 2 && all.every(isReady) && pids.every((pid) => !before.includes(pid));
    });
  }
  const { alert } = await webhook.told("ServiceRestarting", "firing", 60_000);
  console.log(`ServiceRestarting told ${Date.now() - began} ms after the first kill`);
  expect(alert.labels).toMatchObject({ ...LABELS, severity: "warning" });
  expect((await webhook.told("InstanceLost", "firing")).alert.labels).toMatchObject({ severity: "info" });
});

test(
  "a database that does not answer alerts, and what depends on it is not told of as well",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const webhook = await openWebhook();
    const program = join(home.folder("program"), "server.cjs");
    writeFileSync(program, GOOD);
    const dependent = { tutti_namespace: "default", tutti_system: "books", tutti_resource: "service/api" };
    await home.ok(["up", home.declare(tells(webhook.url), { folder: "pager" })]);
    await home.ok([
      "up",
      home.declare(
        documents(
          { kind: "System", metadata: { name: "books" } },
          { kind: "Database", metadata: { name: "orders" } },
          {
            kind: "Service",
            metadata: { name: "api" },
            spec: {
              command: ["node", program],
              ports: [{ name: "http" }],
              env: { DATABASE_URL: "${database.orders.status.url}" },
            },
          },
          alertRule("Sleepless", 'max(ALERTS{alertname="DatabaseDown",alertstate="firing"})', {
            labels: dependent,
          }),
        ),
      ),
    ]);
    await watched(home);
    const server = processesOf(home.path).find(({ command }) => command.includes("postgres"))?.pid ?? 0;
    const frozen = [server, ...allPids().filter((pid) => parentOf(pid) === server)];
    const began = Date.now();
    for (const pid of frozen) kill(pid, "SIGSTOP");
    const { alert } = await webhook.told("DatabaseDown", "firing", 120_000);
    console.log(`DatabaseDown told ${Date.now() - began} ms after it stopped answering`);
    expect(alert.labels).toMatchObject({ tutti_resource: "database/orders", tutti_system: "books" });
    await until("the dependent's alert", async () =>
      (await home.list("Alert")).some(
        ({ spec, status }) => spec["labels"]["alertname"] === "Sleepless" && status?.["state"] === "firing",
      ),
    );
    for (const pid of frozen) kill(pid, "SIGCONT");
    await webhook.told("DatabaseDown", "resolved", 120_000);
    expect(webhook.alerts().map(({ labels }) => labels["tutti_resource"])).not.toContain("service/api");
  },
);

/** The deployment is over, and its service has been seen. */
async function watched(home: TestHome): Promise<void> {
  await until("no change being under way", async () => (await silences(home)).every(isOver));
  await until("the service being measured", async () => {
    const found = await query(home, 'tutti_instance_restarts_total{tutti_service="api"}');
    return found.length === 1;
  });
}

function isOver({ status }: Silence): boolean {
  return status.state === "expired";
}

async function killAll(home: TestHome, service: string): Promise<void> {
  for (const pid of await home.pids(service)) if (pid > 0) kill(pid);
}
