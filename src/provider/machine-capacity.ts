/** Processors and memory of what runs instances. Limits may add up to more than there is: not all use theirs at once. */
import { QUANTITY_PATTERN, parseQuantity } from "../model/quantity.ts";
import type { Capacity } from "./provider.ts";

export interface MachineSize {
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes that are in use, as far as is known. */
  readonly memoryUsed?: number;
}

export function machineCapacities({ cores, memory, memoryUsed = 0 }: MachineSize): readonly Capacity[] {
  return [
    {
      name: "of memory",
      unit: "bytes",
      limit: memory,
      used: memoryUsed,
      overcommit: true,
      needs: of("memory"),
    },
    { name: "cores", limit: cores, used: 0, overcommit: true, needs: of("cpu") },
  ];
}

/** All copies together; what has no limit, or one that is not known yet, is not counted. */
function of(name: "cpu" | "memory"): Capacity["needs"] {
  return ({ replicas = 1, resources = {} }) => {
    const amount = (resources as Readonly<Record<string, unknown>>)[name];
    if (typeof amount !== "string" || !QUANTITY_PATTERN.test(amount) || typeof replicas !== "number")
      return 0;
    return replicas * parseQuantity(amount);
  };
}
