/** What is monitored, as generators see it: a resource, what it is called in labels, and the Monitor that tunes it. */
import { monitor } from "../../kinds/monitor.ts";
import { hasExpression } from "../../model/expression.ts";
import { LABELS, type Resource, addressOf } from "../../model/resource.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";

export type MonitorSpec = typeof monitor.Spec;

/** Of what no Monitor speaks. */
export const DEFAULTS: MonitorSpec = (monitor.body.parse({}) as { readonly spec: MonitorSpec }).spec;

/** The control plane speaks of itself under this address. */
export const CONTROL_PLANE = "control-plane";

export interface Subject {
  readonly resource: Resource;
  /** `service/api`. */
  readonly address: string;
  readonly namespace: string;
  readonly name: string;
  readonly system: string | undefined;
  readonly location: string | undefined;
  readonly tuning: MonitorSpec;
  /** TARGET_LABELS of it, as far as they are known. */
  readonly labels: Readonly<Record<string, string>>;
}

export function subjectOf(resource: Resource, tuning: MonitorSpec): Subject {
  const { kind, metadata } = resource;
  const namespace = metadata.namespace ?? "default";
  const system = kind === "System" ? metadata.name : metadata.labels?.[LABELS.system];
  const location = kind === "Location" ? metadata.name : locationOf(resource);
  const address = addressOf(resource);
  return {
    resource,
    address,
    namespace,
    name: metadata.name,
    system,
    location,
    tuning,
    labels: withoutEmpty({
      [TARGET_LABELS.namespace]: namespace,
      [TARGET_LABELS.system]: system ?? "",
      [TARGET_LABELS.location]: location ?? "",
      [TARGET_LABELS.owner]: tuning.owner,
      [TARGET_LABELS.resource]: address,
      [TARGET_LABELS.service]: kind === "Service" ? metadata.name : "",
    }),
  };
}

/** Where it is; undefined where nothing is anywhere, or nobody knows yet. */
export function locationOf({ spec, status }: Resource): string | undefined {
  const { made } = (status ?? {}) as { readonly made?: { readonly location?: string } };
  const location = made?.location ?? (spec as { readonly location?: unknown } | undefined)?.location;
  return typeof location === "string" && !hasExpression(location) ? location : undefined;
}

export function withoutEmpty(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}

/** The Monitor of its System; else one of the namespace that is of no System. */
export function tuningFor(resource: Resource, monitors: readonly Tuned[]): MonitorSpec {
  const namespace = resource.metadata.namespace ?? "default";
  const system =
    resource.kind === "System" ? resource.metadata.name : resource.metadata.labels?.[LABELS.system];
  const here = monitors.filter((one) => one.namespace === namespace);
  const own = system === undefined ? undefined : here.find((one) => one.system === system);
  return (own ?? here.find((one) => one.system === undefined))?.spec ?? DEFAULTS;
}

/** A Monitor whose expressions are resolved. */
export interface Tuned {
  readonly resource: Resource;
  readonly namespace: string;
  readonly system: string | undefined;
  readonly spec: MonitorSpec;
}
