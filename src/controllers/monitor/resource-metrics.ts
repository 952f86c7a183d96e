/**
 * What the control plane knows of its resources, as series: what is expected, ready, wanted, being rolled out; until when
 * certificates are good, since when there is a backup. Pure, read on each scrape of the job `tutti`.
 *
 * What is on its way out is not in it: it is no longer expected the moment it is to go.
 */
import type { DriftStatus } from "../../controller/drift.ts";
import { CERTIFICATE } from "../../controller/certificates.ts";
import { type BalancerSpec, certificateSecretOf } from "../../controller/routes.ts";
import { conditionOf, isReady } from "../../model/condition.ts";
import { type Condition, LABELS, type Resource, addressOf } from "../../model/resource.ts";
import { Exposition, type LabelValues } from "../../provider/exposition.ts";
import { TARGET_LABELS, type TargetGroup } from "../../provider/monitoring.ts";
import type { Snapshot } from "../../store/store.ts";
import { MONITORED_KINDS } from "./rules/generate.ts";
import { locationOf, withoutEmpty } from "./subject.ts";

type Samples = (readonly [LabelValues, number])[];

export interface ResourceMetricsOptions {
  readonly store: Pick<Snapshot, "list">;
  /** As they are given to whoever scrapes. */
  readonly targets: Iterable<TargetGroup>;
  /** Locations where something is. */
  readonly used: ReadonlySet<string>;
}

export function resourceMetrics({ store, targets, used }: ResourceMetricsOptions): string {
  const out = new Exposition();
  const living = MONITORED_KINDS.flatMap((kind) => store.list({ kind }).items).filter(
    ({ kind, metadata }) =>
      metadata.deletionTimestamp === undefined && (kind !== "Location" || used.has(metadata.name)),
  );
  const services = living.filter(({ kind }) => kind === "Service");
  out.samples("tutti_expected_target", "gauge", "What is to be measured.", expected(targets));
  out.samples(
    "tutti_resource_ready",
    "gauge",
    "1 while it is ready.",
    living.filter(({ kind }) => kind !== "Monitor").map((one) => [labelsOf(one), isReady(one) ? 1 : 0]),
  );
  out.samples(
    "tutti_resource_drifted",
    "gauge",
    "1 while it is other than it was made, and that is not tolerated.",
    living
      .filter((one) => isMade(one) || conditionOf(one, "Drifted") !== undefined)
      .map((one) => [labelsOf(one), isDrifted(one) ? 1 : 0]),
  );
  out.samples("tutti_resource_condition", "gauge", "The conditions of each resource.", conditions(living));
  const gauge = (name: string, help: string, value: (service: Service) => number): void =>
    out.samples(
      name,
      "gauge",
      help,
      (services as Service[]).map((one) => [labelsOf(one), value(one)]),
    );
  gauge("tutti_service_replicas", "Instances that there are.", ({ status }) => status?.replicas ?? 0);
  gauge(
    "tutti_service_replicas_ready",
    "Instances that are ready.",
    ({ status }) => status?.readyReplicas ?? 0,
  );
  gauge("tutti_service_replicas_wanted", "Instances that there are to be.", wanted);
  gauge("tutti_rollout_progressing", "1 while a rollout is under way.", ({ status }) =>
    status?.rollout === undefined ? 0 : 1,
  );
  gauge("tutti_rollout_stuck", "1 when a rollout does not get on, or was rolled back.", (one) =>
    isStuck(one) ? 1 : 0,
  );
  gauge("tutti_drift", "1 when what runs is not what is declared, and nothing is under way.", (one) =>
    isStuck(one) && one.status?.rollout === undefined ? 1 : 0,
  );
  out.samples(
    "tutti_change_started_timestamp_seconds",
    "gauge",
    "When a change under way was begun.",
    changes(store),
  );
  out.samples(
    "tutti_certificate_not_after_seconds",
    "gauge",
    "When a certificate ends.",
    certificates(store),
  );
  out.samples(
    "tutti_backup_last_success_timestamp_seconds",
    "gauge",
    "When the last good backup was finished.",
    backups(store),
  );
  return out.toString();
}

interface ServiceStatus {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly rollout?: object;
}
type Service = Resource<{ readonly replicas?: unknown }, ServiceStatus | undefined>;

function wanted({ spec, status }: Service): number {
  // An expression, until it is resolved: what there is.
  return typeof spec.replicas === "number" ? spec.replicas : (status?.replicas ?? 0);
}

/** By a provider, that can tell how it is. */
function isMade({ status }: Resource): boolean {
  return (status as { readonly made?: unknown } | undefined)?.made !== undefined;
}

function isDrifted({ status }: Resource): boolean {
  return ((status as DriftStatus | undefined)?.drift ?? []).some(({ answer }) => answer !== "tolerate");
}

const STUCK: ReadonlySet<string> = new Set(["RolledBack", "RolloutFailed"]);

function isStuck(service: Resource): boolean {
  const progressing = conditionOf(service, "Progressing");
  return progressing?.status === "False" && STUCK.has(progressing.reason);
}

function labelsOf(resource: Resource): LabelValues {
  const { kind, metadata } = resource;
  return withoutEmpty({
    [TARGET_LABELS.namespace]: metadata.namespace ?? "default",
    [TARGET_LABELS.system]: kind === "System" ? metadata.name : (metadata.labels?.[LABELS.system] ?? ""),
    [TARGET_LABELS.location]: kind === "Location" ? metadata.name : (locationOf(resource) ?? ""),
    [TARGET_LABELS.resource]: addressOf(resource),
    [TARGET_LABELS.service]: kind === "Service" ? metadata.name : "",
  });
}

function expected(groups: Iterable<TargetGroup>): Samples {
  const samples: Samples = [];
  for (const { targets } of groups)
    for (const { labels, job, instance } of targets) samples.push([{ ...labels, job, instance }, 1]);
  return samples;
}

function conditions(resources: readonly Resource[]): Samples {
  return resources.flatMap((resource) => {
    const { conditions: all = [] } = (resource.status ?? {}) as {
      readonly conditions?: readonly Condition[];
    };
    // Ready has a series of its own.
    return all
      .filter(({ type }) => type !== "Ready")
      .map(({ type, status }) => [{ ...labelsOf(resource), type, status }, 1] as const);
  });
}

/** Of each System the one that was begun first. */
function changes(store: Pick<Snapshot, "list">): Samples {
  const started = new Map<string, readonly [LabelValues, number]>();
  for (const change of store.list({ kind: "Change" }).items) {
    const { state = "InProgress" } = (change.status ?? {}) as { readonly state?: string };
    if (state !== "InProgress" && state !== "RollingBack") continue;
    const namespace = change.metadata.namespace ?? "default";
    const { system } = change.spec as { readonly system: string };
    const at = Date.parse(change.metadata.creationTimestamp) / 1000;
    const key = `${namespace}/${system}`;
    if ((started.get(key)?.[1] ?? Infinity) <= at) continue;
    const labels = {
      [TARGET_LABELS.namespace]: namespace,
      [TARGET_LABELS.system]: system,
      [TARGET_LABELS.resource]: `system/${system}`,
    };
    started.set(key, [labels, at]);
  }
  return [...started.values()];
}

function certificates(store: Pick<Snapshot, "list">): Samples {
  const owners = certificateOwners(store.list({ kind: "LoadBalancer" }).items);
  return store.list({ kind: "Secret" }).items.flatMap((secret): Samples => {
    const notAfter = Date.parse(secret.metadata.annotations?.[CERTIFICATE.notAfter] ?? "");
    const owner = owners.get(`${secret.metadata.namespace ?? "default"}/${secret.metadata.name}`);
    if (Number.isNaN(notAfter) || owner === undefined) return [];
    return [[{ ...labelsOf(owner), secret: secret.metadata.name }, notAfter / 1000]];
  });
}

/** By namespace and name of the Secret. */
function certificateOwners(balancers: readonly Resource[]): ReadonlyMap<string, Resource> {
  const owners = new Map<string, Resource>();
  for (const balancer of balancers) {
    if (balancer.metadata.deletionTimestamp !== undefined) continue;
    for (const { name, protocol } of (balancer.spec as BalancerSpec).listeners)
      if (protocol === "https")
        owners.set(
          `${balancer.metadata.namespace ?? "default"}/${certificateSecretOf(balancer.metadata.name, name)}`,
          balancer,
        );
  }
  return owners;
}

interface Backup {
  readonly spec: { readonly database: string };
  readonly status?: { readonly finishedAt?: string };
}

function backups(store: Pick<Snapshot, "list">): Samples {
  const last = new Map<string, number>();
  for (const backup of store.list({ kind: "Backup" }).items as readonly (Resource & Backup)[]) {
    if (!isReady(backup) || backup.status?.finishedAt === undefined) continue;
    const key = `${backup.metadata.namespace ?? "default"}/${backup.spec.database}`;
    last.set(key, Math.max(last.get(key) ?? 0, Date.parse(backup.status.finishedAt) / 1000));
  }
  return store.list({ kind: "Database" }).items.flatMap((database): Samples => {
    const { namespace = "default", name, creationTimestamp } = database.metadata;
    const { made } = (database.status ?? {}) as { readonly made?: { readonly backup?: object } };
    if (database.metadata.deletionTimestamp !== undefined || made?.backup === undefined) return [];
    // One that was never backed up is as old as it is.
    return [[labelsOf(database), last.get(`${namespace}/${name}`) ?? Date.parse(creationTimestamp) / 1000]];
  });
}
