/** The contents that a service or a system has had, newest first. */
import { age, tableText } from "./table.ts";

export interface Generation {
  readonly number: number;
  /** RFC 3339. */
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly isCurrent: boolean;
}

export function historyView(generations: readonly Generation[], now: number, name: string): string {
  const rows = generations.map((generation) => [
    `${generation.number}${generation.isCurrent ? " *" : ""}`,
    age(generation.time, now),
    generation.actor,
    generation.action,
  ]);
  return tableText([name, "AGE", "WHO", "WHAT"], rows);
}
