/** What makes an instance what it is, as data, and its hash. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../model/equality.ts";
import { parseDuration } from "../../model/duration.ts";
import type { service } from "../../kinds/service.ts";
import type { Placement } from "../../provider/placement.ts";
import type { RestartSettings, RolloutSettings } from "./situation.ts";

export type ServiceSpec = typeof service.Spec;

const FIELDS = [
  "command",
  "image",
  "digest",
  "pull",
  "build",
  "user",
  "capabilities",
  "readOnlyRoot",
  "gpus",
  "logging",
  "labels",
  "aliases",
  "tmpfs",
  "files",
  "init",
  "sidecars",
  "workingDirectory",
  "env",
  "ports",
  "volumes",
  "networks",
  "probes",
  "resources",
  "stop",
] as const;

/** What an instance is told, wherever it is. */
export type Run = { readonly [field in Exclude<(typeof FIELDS)[number], "volumes">]: ServiceSpec[field] } & {
  readonly folder: string;
  readonly volumes: readonly (ServiceSpec["volumes"][number] & { readonly source?: VolumeSource })[];
};

/** Where a volume is for real: a folder, an engine's volume by its name there. */
export interface VolumeSource {
  readonly path?: string;
  readonly volume?: string;
}

/** Where it runs is part of what an instance is: a service moves by a rollout. */
export type Template = Run & Placement;

export interface Surroundings {
  /** What working directories are relative to. */
  readonly folder: string;
  /** The class that was chosen. */
  readonly class: string;
  readonly sourceOf: (volume: string) => VolumeSource | undefined;
}

/** The part of a resolved spec that instances are made from. */
export function templateOf(spec: ServiceSpec, { folder, class: chosen, sourceOf }: Surroundings): Template {
  const volumes = spec.volumes.map((mount) => {
    const source = sourceOf(mount.volume);
    return source === undefined ? mount : { ...mount, source };
  });
  const fields = Object.fromEntries(FIELDS.map((field) => [field, spec[field]])) as unknown as Run;
  return { ...fields, volumes, folder, class: chosen, location: spec.location };
}

export function runOf(template: Template): Run {
  const { class: _class, location: _location, ...run } = template;
  return run;
}

export function templateHash(template: Template, restartedAt: string | undefined): string {
  return createHash("sha256")
    .update(canonicalJson(restartedAt === undefined ? template : [template, restartedAt]))
    .digest("hex")
    .slice(0, 10);
}

export function rolloutSettings({ rollout }: ServiceSpec, template: Template): RolloutSettings {
  // Two instances cannot have one fixed port: the old one leaves before the new one comes.
  const fixed = template.ports.some((port) => port.port !== undefined);
  return {
    strategy: fixed ? "rolling" : rollout.strategy,
    maxSurge: fixed ? 0 : rollout.maxSurge,
    maxUnavailable: rollout.maxUnavailable,
    minReady: rollout.minReady === undefined ? defaultMinReady(template) : parseDuration(rollout.minReady),
    progressDeadline: parseDuration(rollout.progressDeadline),
    rollback: rollout.rollback,
    exclusive: fixed,
    canary: rollout.canary.map((step) => ({ share: step.share, pause: parseDuration(step.pause) })),
  };
}

/** A program of which nothing is probed is ready as soon as it runs: it has to run for a moment to count. */
function defaultMinReady({ ports, probes }: Template): number {
  const isProbed = ports.length > 0 || probes.readiness !== undefined || probes.startup !== undefined;
  return isProbed ? 0 : 500;
}

export function restartSettings({ restart }: ServiceSpec): RestartSettings {
  return {
    policy: restart.policy,
    backoff: parseDuration(restart.backoff),
    maxBackoff: parseDuration(restart.maxBackoff),
  };
}
