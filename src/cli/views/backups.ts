/** The backups of a database, newest first. */
import { conditionOf } from "../../model/condition.ts";
import type { Resource } from "../../model/resource.ts";
import { harmless } from "./style.ts";
import { age, tableText } from "./table.ts";

export interface BackupStatus {
  readonly engine?: string;
  readonly path?: string;
  readonly finishedAt?: string;
  readonly bytes?: number;
  readonly checksum?: string;
  readonly verified?: boolean;
  readonly method?: string;
}

export function backupsView(backups: readonly Resource<unknown, BackupStatus>[], now: number): string {
  if (backups.length === 0) return "There are no backups.";
  const rows = backups
    .toSorted((a, b) => b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp))
    .map((backup) => {
      const { bytes, checksum, method } = backup.status ?? {};
      return [
        backup.metadata.name,
        conditionOf(backup, "Ready")?.reason ?? "Pending",
        bytes === undefined ? "-" : String(bytes),
        checksum?.slice(0, 12) ?? "-",
        age(backup.metadata.creationTimestamp, now),
        harmless(method ?? "-"),
      ];
    });
  return tableText(["NAME", "STATE", "BYTES", "CHECKSUM", "AGE", "MADE BY"], rows);
}
