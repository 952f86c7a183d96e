/** What the control plane asks of its monitoring thread, and the thread of it. Plain values only: they are copied. */
import type { MountAnswer, MountRequest } from "../../api/mount.ts";
import type { WebhookPayload } from "../../metrics/alerting/notification.ts";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import type {
  ManagedSilence,
  MeasuredSeries,
  MeasuredValue,
  RuleFile,
  Source,
  TargetGroup,
} from "../../provider/monitoring.ts";

export interface ThreadSettings {
  /** Absolute folder for series, silences and what was notified. */
  readonly folder: string;
  /** Where people reach it: the base of links in alerts. */
  readonly externalUrl: string;
  readonly version: string;
  /** Pending and firing alerts of the last control plane: they keep their times. */
  readonly restored: readonly AlertRecord[];
  /** Milliseconds. */
  readonly retention: number;
  /** Of series on disk. */
  readonly retentionBytes: number;
}

/** A query's answer for programs; `message` of a refusal is a full sentence. */
export interface ThreadMethods {
  readonly setTargets: (groups: readonly TargetGroup[]) => Promise<void>;
  readonly setGroups: (files: readonly RuleFile[]) => Promise<void>;
  readonly setRouting: (configuration: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly setSilences: (silences: readonly ManagedSilence[]) => Promise<void>;
  readonly query: (expression: string, at?: number) => Promise<readonly MeasuredValue[]>;
  readonly queryRange: (
    expression: string,
    start: number,
    end: number,
    step: number,
  ) => Promise<readonly MeasuredSeries[]>;
  readonly prometheus: (request: MountRequest) => Promise<MountAnswer>;
  readonly alertmanager: (request: MountRequest) => Promise<MountAnswer>;
  /** Answers. */
  readonly pulse: () => void;
  /** Ends scraping and notifying, writes what is in memory; the thread ends itself then. */
  readonly stop: () => Promise<void>;
}

export interface HostMethods {
  /** What a source has to tell, in Prometheus' text format. */
  readonly collect: (source: Source, timeout: number) => Promise<string>;
  /** Labels of targets that have been scraped. */
  readonly scraped: (targets: readonly Readonly<Record<string, string>>[]) => Promise<void>;
  readonly transitions: (records: readonly AlertRecord[]) => Promise<void>;
  /** Starts a run of a workflow; gives why it never will, or nothing when it is made. */
  readonly runWorkflow: (
    name: string,
    payload: WebhookPayload,
    input: Readonly<Record<string, unknown>>,
  ) => Promise<string | undefined>;
  readonly log: (level: "info" | "warn" | "error", keys: object, message: string) => Promise<void>;
  /** Everything is open; answers are given from now on. */
  readonly opened: () => Promise<void>;
}
