import { expect, test } from "vitest";
import { ROOT, type Seen, type TestHome, conditionOf } from "./support/home.ts";
import { dispatched, evaluations, query, ruleGroups, targets } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { buy } from "./support/shop.ts";
import { until } from "./support/until.ts";
import { type Told, openWebhook, tells } from "./support/webhook.ts";

/** Of the machine that tests run on, which others load as well. */
const OTHERS: ReadonlySet<string> = new Set(["location/local", "control-plane"]);

function isOfSystem({ labels }: Pick<Told, "labels">): boolean {
  return !OTHERS.has(labels["tutti_resource"] ?? "");
}

async function alertsOf(home: TestHome): Promise<readonly Seen[]> {
  return (await home.list("Alert")).filter(({ spec }) => isOfSystem(spec as Pick<Told, "labels">));
}

const LABELS = { tutti_namespace: "default", tutti_system: "storefront" };

test(
  "what is deployed is measured, alerted of and shown without a line written, and goes without a false alert",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const webhook = await openWebhook();
    await home.ok(["up", home.declare(tells(webhook.url), { folder: "pager" })]);
    const [url = ""] = (await home.ok(["up", `${ROOT}/examples/storefront/tutti.yaml`])).split("\n");
    await buy(url.replace(/\/$/, ""));

    const measured = await until("all targets being up", async () => {
      const all = await targets(home);
      const jobs = new Set(all.map(({ labels }) => labels["job"]));
      const isAll = [
        "balancers",
        "databases",
        "instances",
        "listeners",
        "machines",
        "tutti",
        "volumes",
      ].every((job) => jobs.has(job));
      return isAll && all.every(({ health }) => health === "up") ? all : undefined;
    });
    expect(measured.map(({ labels }) => labels)).toContainEqual(
      expect.objectContaining({ ...LABELS, job: "balancers", tutti_resource: "loadBalancer/front" }),
    );
    await until("every service being measured", async () => {
      const found = await query(home, "count by (tutti_service) (tutti_instance_memory_bytes)");
      const counts = Object.fromEntries(
        found.map(({ metric, value }) => [metric["tutti_service"], value[1]]),
      );
      return counts["api"] === "2" && counts["web"] === "2" && counts["worker"] === "1";
    });
    await until("the database being measured", async () => {
      const found = await query(home, 'tutti_database_up{tutti_resource="database/orders"} == 1');
      return found.length === 1;
    });
    await until("the customer's requests being counted", async () => {
      const [sum] = await query(home, 'sum(tutti_balancer_requests_total{service="api",code="2xx"})');
      return Number(sum?.value[1] ?? 0) > 0;
    });

    const rules = await home.list("AlertRule");
    expect(rules.map(({ metadata }) => metadata.name).sort()).toEqual([
      "control-plane",
      "database.orders",
      "dnsrecord.www",
      "dnszone.shop",
      "loadbalancer.front",
      "location.local",
      "network.internal",
      "service.api",
      "service.web",
      "service.worker",
      "system.pager",
      "system.storefront",
      "volume.uploads",
    ]);
    for (const { metadata, spec, status } of rules) {
      expect(spec["tests"], metadata.name).not.toHaveLength(0);
      expect(conditionOf({ metadata, status } as Seen, "Ready")?.status).toBe("True");
    }
    const groups = await until("every rule being evaluated well", async () => {
      const all = await ruleGroups(home);
      const often = all.filter(({ interval }) => interval <= 5);
      return often.every((group) => group.rules.every(({ health }) => health === "ok")) ? all : undefined;
    });
    expect(new Set(groups.map(({ file }) => file))).toEqual(
      new Set(rules.map(({ metadata }) => `default/${metadata.name}`)),
    );
    expect(groups.flatMap((group) => group.rules).filter(({ health }) => health === "err")).toEqual([]);
    const dashboards = (await home.list("ConfigMap")).filter(
      ({ metadata }) => metadata.labels?.["grafana_dashboard"] !== undefined,
    );
    expect(dashboards.map(({ metadata }) => metadata.name).sort()).toEqual([
      "dashboard.service.api",
      "dashboard.service.web",
      "dashboard.service.worker",
      "dashboard.system.pager",
      "dashboard.system.storefront",
    ]);

    await until(
      "nothing being pending because of the deployment",
      async () => (await alertsOf(home)).length === 0,
    );
    expect((await dispatched(home)).map(({ labels }) => labels["alertname"])).toContain("Watchdog");

    await home.ok(["down", "storefront", "-y"]);
    await evaluations(home, 4);
    expect((await alertsOf(home)).map(({ spec, status }) => ({ spec, status }))).toEqual([]);
    expect((await dispatched(home)).filter(isOfSystem)).toEqual([]);
    expect(webhook.alerts().filter(isOfSystem)).toEqual([]);
    const left = await home.list("AlertRule");
    expect(left.map(({ metadata }) => metadata.name).sort()).toEqual([
      "control-plane",
      "location.local",
      "system.pager",
    ]);
    expect((await home.list("ConfigMap")).map(({ metadata }) => metadata.name)).toEqual([
      "dashboard.system.pager",
    ]);
    expect((await targets(home)).filter(({ labels }) => labels["tutti_system"] === "storefront")).toEqual([]);
    expect((await ruleGroups(home)).map(({ file }) => file).toSorted()).toEqual([
      "default/control-plane",
      "default/location.local",
      "default/system.pager",
    ]);
    expect(await query(home, '{tutti_system="storefront"}')).toEqual([]);
  },
);
