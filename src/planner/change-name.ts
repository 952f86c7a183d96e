/** Names of Changes: numbered by themselves, for one that waits has no revision yet, and another may come before it. */
import { LABELS } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { revisionsOf } from "./revisions.ts";

/** `shop-7`: one above all Changes and Revisions that the System has had. */
export function changeName(live: Snapshot, system: string, namespace: string): string {
  const labels = { [LABELS.system]: system };
  const numbers = live
    .list({ kind: "Change", namespace, labels })
    .items.map(({ metadata }) => numberIn(metadata.name, system));
  const revision = revisionsOf(live, system, namespace)[0]?.number ?? 0;
  return `${system}-${Math.max(revision, 0, ...numbers) + 1}`;
}

function numberIn(name: string, system: string): number {
  const number = name.startsWith(`${system}-`) ? Number(name.slice(system.length + 1)) : 0;
  return Number.isSafeInteger(number) ? number : 0;
}
