/**
 * The limits and networks of a container as the engine has them now (`docker update`, `docker network disconnect`), and how
 * they are set back.
 */
import type { InstanceSpec } from "../../provider/provider.ts";
import { limits } from "./container-spec.ts";
import type { ContainerState } from "./containers.ts";

interface Limits {
  readonly Memory?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
}

type Resources = InstanceSpec["run"]["resources"];

/**
 * As they were declared where that is what is in force; nothing of what is not bounded by the declaration. `networks`: how
 * the engine calls those of them that are its own.
 */
export function actualRun(
  { run: { resources, networks: declared = [] } }: InstanceSpec,
  found: ContainerState,
  networks: ReadonlyMap<string, string>,
): Readonly<Record<string, unknown>> {
  const lost = lostNetworks(found, networks);
  const wanted = limits(resources) as Limits;
  const { HostConfig } = found;
  const policy = HostConfig.RestartPolicy?.Name ?? "";
  return {
    resources: {
      ...memoryIn(resources, wanted, HostConfig as Limits),
      ...cpuIn(resources, wanted, HostConfig as Limits),
    },
    ...(networks.size === 0
      ? {}
      : { networks: declared.filter((name) => !lost.includes(networks.get(name) ?? "")) }),
    // The engine restarts nothing (D2).
    ...(policy === "" || policy === "no" ? {} : { restartPolicy: policy }),
  };
}

/** Of these, those that it is not on any more. What has the network of a sidecar is asked nothing. */
export function lostNetworks(
  { HostConfig, NetworkSettings }: ContainerState,
  networks: ReadonlyMap<string, string>,
): readonly string[] {
  if (HostConfig.NetworkMode?.startsWith("container:") === true) return [];
  const joined = new Set(Object.keys(NetworkSettings.Networks));
  return [...networks.values()].filter((name) => !joined.has(name));
}

function memoryIn({ memory }: Resources, wanted: Limits, found: Limits): object {
  if (memory === undefined) return {};
  return { memory: found.Memory === wanted.Memory ? memory : String(found.Memory ?? 0) };
}

function cpuIn({ cpu }: Resources, wanted: Limits, found: Limits): object {
  if (cpu === undefined) return {};
  if (found.CpuQuota === wanted.CpuQuota && found.CpuPeriod === wanted.CpuPeriod) return { cpu };
  const share = (found.CpuQuota ?? 0) / (found.CpuPeriod ?? 0);
  return { cpu: Number.isFinite(share) && share > 0 ? String(Math.round(share * 1000) / 1000) : "unbounded" };
}

/** What the engine is told to have them as declared again. */
export function restoredLimits({ run }: InstanceSpec): object {
  return { ...limits(run.resources), RestartPolicy: { Name: "no" } };
}
