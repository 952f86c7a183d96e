/** What there is left in LXD: what the project may have, and bytes of the pool. */
import { parseQuantity } from "../../model/quantity.ts";
import type { Capacity } from "../../provider/provider.ts";
import type { Lxd } from "./client.ts";

interface ProjectState {
  readonly resources: Readonly<Record<string, { readonly Limit: number; readonly Usage: number }>>;
}

interface PoolResources {
  readonly space: { readonly used: number; readonly total: number };
}

async function limitsOf(lxd: Lxd, signal: AbortSignal): Promise<ProjectState["resources"]> {
  const path = `/1.0/projects/${encodeURIComponent(lxd.project ?? "default")}/state`;
  return (await lxd.find<ProjectState>(path, signal))?.resources ?? {};
}

type Limits = ProjectState["resources"];

function capacityOf(
  limits: Limits,
  resource: string,
  name: string,
  needs: Capacity["needs"],
  more: Partial<Capacity> = {},
): readonly Capacity[] {
  const found = limits[resource];
  if (found === undefined || found.Limit < 0) return [];
  return [{ name, limit: found.Limit, used: found.Usage, needs, ...more }];
}

function quantityOf(spec: Readonly<Record<string, unknown>>, field: string): number {
  const value = spec[field];
  return typeof value === "string" && !value.includes("${") ? parseQuantity(value) : 0;
}

/** Of the project: instances, processors, memory, disk. Those without a limit are left out. */
export async function machineCapacities(lxd: Lxd, signal: AbortSignal): Promise<readonly Capacity[]> {
  if (!lxd.isThere()) return [];
  const limits = await limitsOf(lxd, signal);
  return [
    ...capacityOf(limits, "instances", "instances of the project", () => 1),
    ...capacityOf(limits, "containers", "containers of the project", () => 1),
    ...capacityOf(limits, "cpu", "processors of the project", (spec) => Math.ceil(quantityOf(spec, "cpu"))),
    ...capacityOf(limits, "memory", "bytes of memory of the project", (spec) => quantityOf(spec, "memory"), {
      unit: "bytes",
    }),
    ...capacityOf(limits, "disk", "bytes of disk of the project", (spec) => quantityOf(spec, "disk"), {
      unit: "bytes",
    }),
  ];
}

export async function networkCapacities(lxd: Lxd, signal: AbortSignal): Promise<readonly Capacity[]> {
  if (!lxd.isThere()) return [];
  return capacityOf(await limitsOf(lxd, signal), "networks", "networks of the project", () => 1);
}

/** A size is a promise: the pool is as full as what was written. */
export async function volumeCapacities(
  lxd: Lxd,
  pool: string,
  signal: AbortSignal,
): Promise<readonly Capacity[]> {
  const path = `/1.0/storage-pools/${encodeURIComponent(pool)}/resources`;
  const resources = await lxd.find<PoolResources>(path, signal);
  const needs: Capacity["needs"] = (spec) => quantityOf(spec, "size");
  return [
    ...(resources === undefined
      ? []
      : [
          {
            name: `bytes of the pool ${pool}`,
            limit: resources.space.total,
            used: resources.space.used,
            needs,
            overcommit: true as const,
            unit: "bytes" as const,
          },
        ]),
    ...capacityOf(await limitsOf(lxd, signal), "disk", "bytes of disk of the project", needs, {
      unit: "bytes",
    }),
  ];
}
