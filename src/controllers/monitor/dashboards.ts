/**
 * Dashboards for Grafana, as JSON in ConfigMaps that its provisioning finds by label: one of a System (what its users
 * see: rate, errors, duration), one of each Service (and what it uses: utilisation, saturation, errors). Small on purpose:
 * a dashboard that answers "is it well, and if not, where?".
 */
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import { selector } from "./rules/promql.ts";

export const DASHBOARD_LABEL = { grafana_dashboard: "1" } as const;

interface Panel {
  readonly title: string;
  readonly unit: "reqps" | "percentunit" | "s" | "short" | "bytes";
  readonly queries: readonly (readonly [expr: string, legend: string])[];
}

const WIDTH = 8;
const HEIGHT = 7;

function dashboard(uid: string, title: string, panels: readonly Panel[]): string {
  return JSON.stringify({
    // Grafana takes 40 characters.
    uid: uid.slice(0, 40),
    title,
    tags: ["tutti"],
    schemaVersion: 39,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [{ name: "datasource", type: "datasource", query: "prometheus" }] },
    panels: panels.map(({ title: heading, unit, queries }, index) => ({
      id: index + 1,
      type: "timeseries",
      title: heading,
      datasource: { type: "prometheus", uid: "$datasource" },
      gridPos: { h: HEIGHT, w: WIDTH, x: (index % 3) * WIDTH, y: Math.floor(index / 3) * HEIGHT },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      targets: queries.map(([expr, legendFormat], at) => ({
        refId: String.fromCharCode(65 + at),
        expr,
        legendFormat,
      })),
    })),
  });
}

const REQUESTS = "tutti_balancer_requests_total";
const BUCKET = "tutti_balancer_request_duration_seconds_bucket";

function traffic(labels: string, by: string, legend: string): readonly Panel[] {
  return [
    {
      title: "Requests",
      unit: "reqps",
      queries: [[`sum by (${by}) (rate(${REQUESTS}{${labels}}[1m]))`, legend]],
    },
    {
      title: "Errors",
      unit: "percentunit",
      queries: [
        [
          `sum by (${by}) (rate(${REQUESTS}{${labels},code="5xx"}[1m])) / sum by (${by}) (rate(${REQUESTS}{${labels}}[1m]))`,
          legend,
        ],
      ],
    },
    {
      title: "Duration",
      unit: "s",
      queries: ["0.5", "0.99"].map((quantile) => [
        `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${BUCKET}{${labels}}[1m])))`,
        `${legend} ${quantile}`,
      ]),
    },
  ];
}

export function systemDashboard(namespace: string, system: string): string {
  const own = selector({ [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.system]: system });
  return dashboard(`tutti-${namespace}-${system}`, `${system} (${namespace})`, [
    ...traffic(`${own},job="balancers"`, "service", "{{service}}"),
    {
      title: "Ready instances",
      unit: "short",
      queries: [[`max by (tutti_resource) (tutti_service_replicas_ready{${own}})`, "{{tutti_resource}}"]],
    },
    {
      title: "Error budget left",
      unit: "percentunit",
      queries: [[`max by (slo) (slo:period_error_budget_remaining:ratio{${own}})`, "{{slo}}"]],
    },
    {
      title: "Alerts",
      unit: "short",
      queries: [[`sum by (alertname, severity) (ALERTS{${own},alertstate="firing"})`, "{{alertname}}"]],
    },
  ]);
}

export function serviceDashboard(namespace: string, service: string): string {
  const instances = selector({ [TARGET_LABELS.namespace]: namespace, [TARGET_LABELS.service]: service });
  const own = selector({
    [TARGET_LABELS.namespace]: namespace,
    [TARGET_LABELS.resource]: `service/${service}`,
  });
  const each = (expr: string): readonly [string, string] => [`sum by (instance) (${expr})`, "{{instance}}"];
  return dashboard(`tutti-${namespace}-service-${service}`, `service/${service} (${namespace})`, [
    ...traffic(selector({ [TARGET_LABELS.namespace]: namespace, service }), "code", "{{code}}").slice(0, 1),
    ...traffic(selector({ [TARGET_LABELS.namespace]: namespace, service }), "service", "{{service}}").slice(
      1,
    ),
    {
      title: "Processor",
      unit: "short",
      queries: [each(`rate(tutti_instance_cpu_seconds_total{${instances}}[1m])`)],
    },
    { title: "Memory", unit: "bytes", queries: [each(`tutti_instance_memory_bytes{${instances}}`)] },
    {
      title: "Instances",
      unit: "short",
      queries: [
        [`max(tutti_service_replicas_ready{${own}})`, "ready"],
        [`max(tutti_service_replicas_wanted{${own}})`, "wanted"],
        [`sum(increase(tutti_instance_restarts_total{${instances}}[5m]))`, "restarts in 5 minutes"],
      ],
    },
  ]);
}
