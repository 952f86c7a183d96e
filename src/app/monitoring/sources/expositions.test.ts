/** What the control plane writes is what Prometheus' own checker takes. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import type { Resource } from "../../../model/resource.ts";
import { measurements } from "../../../providers/databases/measurements.ts";
import { measureFilesystem } from "../../../providers/local/volumes/measure.ts";
import { Exposition } from "../../../provider/exposition.ts";
import type { Identity, InstanceStats, Measurement } from "../../../provider/provider.ts";
import { ControlPlaneMeasurements } from "./control-plane.ts";
import { type InstancesSource, instancesText } from "./instances.ts";

const checked = (input: string): string =>
  execFileSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });

const instance = (name: string, location: string): Resource => ({
  apiVersion: "tutti.dev/v1",
  kind: "Instance",
  metadata: {
    name,
    namespace: "default",
    uid: name,
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "",
  },
  spec: { service: "api", class: "process", location, run: { resources: { memory: "64Mi", cpu: "500m" } } },
  status: { startedAt: 1_000, conditions: [{ type: "Ready", status: "True" }] },
});

const stats: InstanceStats = { cpuSeconds: 1.5, memoryBytes: 1024, openFiles: 3, maxOpenFiles: 10 };

function source(instances: readonly Resource[], answer: () => Promise<InstanceStats>): InstancesSource {
  const found = async (all: readonly Identity[]): Promise<ReadonlyMap<string, InstanceStats>> =>
    new Map(await Promise.all(all.map(async ({ uid }) => [uid, await answer()] as const)));
  return {
    instances: () => instances,
    engines: { instance: () => ({ stats: found }) } as unknown as InstancesSource["engines"],
    restarts: () => [[{ tutti_namespace: "default", tutti_service: "api" }, 2]],
  };
}

it("the control plane's own measurements are nothing that promtool objects to", () => {
  const own = new ControlPlaneMeasurements();
  own.reconciled("rollout", 12, true);
  own.committed(3);
  const text = own.text({ rollout: 2 });
  expect(checked(text)).toBe("");
  expect(text).toContain('tutti_controller_queue_depth{controller="rollout"} 2\n');
  expect(text).toContain('tutti_controller_reconcile_seconds_bucket{controller="rollout",le="0.025"} 1\n');
  expect(text).toContain('tutti_store_commit_seconds_bucket{le="0.005"} 1\n');
});

it("instances are told by service, those of the Location only, and pass promtool", async () => {
  const text = await instancesText(
    "local",
    source([instance("api-1", "local"), instance("api-2", "elsewhere")], () => Promise.resolve(stats)),
  );
  expect(checked(text)).toBe("");
  const labels =
    '{tutti_namespace="default",tutti_resource="service/api",tutti_service="api",instance="api-1"}';
  expect(text).toContain(`tutti_instance_cpu_seconds_total${labels} 1.5\n`);
  expect(text).toContain(`tutti_instance_memory_limit_bytes${labels} 67108864\n`);
  expect(text).toContain(`tutti_instance_cpu_limit_cores${labels} 0.5\n`);
  expect(text).not.toContain("api-2");
  expect(text).not.toContain("network");
});

it("a class that does not answer leaves what is known without it", async () => {
  const text = await instancesText(
    "local",
    source([instance("api-1", "local")], () => Promise.reject(new Error("gone"))),
  );
  expect(text).toContain("tutti_instance_ready{");
  expect(text).not.toContain("tutti_instance_cpu_seconds_total");
});

it("databases and volumes pass promtool", async () => {
  const out = new Exposition();
  const all: readonly Measurement[] = [
    ...measurements({ connections: 1, maxConnections: 10, bytes: 5, slowQueries: 0 }),
    ...(await measureFilesystem("/")),
  ];
  for (const { name, type, help, value } of all) out.samples(name, type, help, [[{ instance: "x" }, value]]);
  expect(checked(out.toString())).toBe("");
});
