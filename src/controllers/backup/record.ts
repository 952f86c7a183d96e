/** A Backup as its controllers see it. */
import { conditionOf, isReady } from "../../model/condition.ts";
import type { Condition, Resource } from "../../model/resource.ts";

interface Spec {
  readonly database: string;
  readonly verify: boolean;
  readonly timeout: string;
}

interface Status {
  readonly conditions?: readonly Condition[];
  readonly path?: string;
  readonly engine?: string;
  readonly method?: string;
  /** RFC 3339. */
  readonly startedAt?: string;
  /** Set once: it is good or has failed, and nothing changes that. */
  readonly finishedAt?: string;
  readonly bytes?: number;
  readonly checksum?: string;
  readonly verified?: boolean;
  readonly failures?: number;
}

export type Backup = Resource<Spec, Status>;

/** What is wanted of a Database's backups, resolved. */
export interface BackupWishes {
  readonly schedule?: string;
  readonly keep: number;
  readonly verify: boolean;
  readonly archive: boolean;
  readonly folder?: string;
}

export const FINALIZER = "tutti.dev/backup";
/** Names the Database that a Backup was made for by schedule: only those are removed when they are superseded. */
export const SCHEDULED_FOR = "tutti.dev/scheduled-for";
/** The moment of the schedule that it was made for, RFC 3339. */
export const SCHEDULED_AT = "tutti.dev/scheduled-at";

export function isOver(backup: Backup): boolean {
  return backup.status?.finishedAt !== undefined;
}

export function isGood(backup: Backup): boolean {
  return isOver(backup) && isReady(backup);
}

/** One sentence: why it is not good. */
export function failureOf(backup: Backup): string {
  return conditionOf(backup, "Ready")?.message ?? "Nobody knows why.";
}

/** Of the Database as it was made: expressions resolved. */
export function wishesOf(database: Resource): BackupWishes | undefined {
  const made = (database.status as { readonly made?: unknown } | undefined)?.made ?? database.spec;
  return (made as { readonly backup?: BackupWishes }).backup;
}
