/** Where something is: Locations that nobody uses need no monitoring, and are no trouble when they are not reached. */
import type { Snapshot } from "../../store/store.ts";
import { locationOf } from "./subject.ts";

const PLACED = ["Service", "LoadBalancer", "Database", "Machine", "Volume", "Network", "DNSZone"] as const;

/** The machine of the control plane is always used. */
export function usedLocations(store: Pick<Snapshot, "list">): ReadonlySet<string> {
  const used = new Set(["local"]);
  for (const kind of PLACED)
    for (const resource of store.list({ kind }).items) used.add(locationOf(resource) ?? "local");
  return used;
}
