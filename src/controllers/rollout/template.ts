/** What makes an instance what it is, as data, and its hash. */
import { createHash } from "node:crypto";
import { canonicalJson } from "../../model/equality.ts";
import { parseDuration } from "../../model/duration.ts";
import type { service } from "../../kinds/service.ts";
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

/** Setting this annotation to another value restarts all instances, one rollout. */
export const RESTARTED_AT = "tutti.dev/restarted-at";

export type Template = { readonly [field in (typeof FIELDS)[number]]: ServiceSpec[field] } & {
  readonly folder: string;
};

/** The part of a resolved spec that instances are made from. `folder`: what working directories are relative to. */
export function templateOf(spec: ServiceSpec, folder: string): Template {
  return { ...Object.fromEntries(FIELDS.map((field) => [field, spec[field]])), folder } as Template;
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
