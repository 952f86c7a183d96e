/** The limits of a container as the engine has them now (`docker update` changes them), and how they are set back. */
import type { InstanceSpec } from "../../provider/provider.ts";
import { limits } from "./container-spec.ts";
import type { ContainerState } from "./containers.ts";

interface Limits {
  readonly Memory?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
}

type Resources = InstanceSpec["run"]["resources"];

/** As they were declared where that is what is in force; nothing of what is not bounded by the declaration. */
export function actualRun(
  { run: { resources } }: InstanceSpec,
  { HostConfig }: ContainerState,
): Readonly<Record<string, unknown>> {
  const wanted = limits(resources) as Limits;
  const found = HostConfig as Limits & ContainerState["HostConfig"];
  const policy = HostConfig.RestartPolicy?.Name ?? "";
  return {
    resources: {
      ...memoryIn(resources, wanted, found),
      ...cpuIn(resources, wanted, found),
    },
    // The engine restarts nothing (D2).
    ...(policy === "" || policy === "no" ? {} : { restartPolicy: policy }),
  };
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
