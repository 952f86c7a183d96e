/**
 * Who observes, as seen by whoever asks: the embedded engine (src/metrics, in a thread of its own) or a real Prometheus.
 * The autoscaler, healing by quality, the API and the command line ask this, and do not know which it is.
 */

import type { Identity, Provider } from "./provider.ts";

/** One series at one time. Values may be NaN or infinite. Histograms are left out: take a quantile of them in the query. */
export interface MeasuredValue {
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly value: number;
}

export interface MeasuredSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Time (milliseconds) and value, ascending. */
  readonly points: readonly (readonly [time: number, value: number])[];
}

export interface MetricsSource {
  /** Instant PromQL; `at` is now when absent. A scalar is one series without labels. Rejects with a diagnostic when the query is none. */
  query(expression: string, at?: number): Promise<readonly MeasuredValue[]>;
  /** Milliseconds. */
  queryRange(
    expression: string,
    start: number,
    end: number,
    step: number,
  ): Promise<readonly MeasuredSeries[]>;
  /**
   * Called after each scrape that brought samples, with the labels of its target: who decides on them need not wait for a
   * timer. Never called where the engine cannot tell; askers look at an interval as well.
   */
  onScraped(listener: (target: Readonly<Record<string, string>>) => void): () => void;
}

/** Labels of every target and so of every series that is scraped, beside `job` and `instance`. */
export const TARGET_LABELS = {
  namespace: "tutti_namespace",
  system: "tutti_system",
  location: "tutti_location",
  owner: "tutti_owner",
  /** Address of the declared thing: `service/api`. */
  resource: "tutti_resource",
  service: "tutti_service",
} as const;

/** One thing that is measured, declared by the control plane. */
export interface MonitoredTarget {
  readonly job: string;
  readonly instance: string;
  /** TARGET_LABELS, and what the declaration adds; without job and instance. */
  readonly labels: Readonly<Record<string, string>>;
  readonly from: MeasuredFrom;
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds; not above the interval. */
  readonly timeout: number;
  /** Where a sample has a label that the target has as well, the sample's is taken. */
  readonly honorLabels: boolean;
  /** Prometheus' metric_relabel_configs, as they are. */
  readonly metricRelabelConfigs: readonly Readonly<Record<string, unknown>>[];
}

export type MeasuredFrom =
  | { readonly type: "http"; readonly url: string }
  /** In this process; a real Prometheus gets it from the control plane. */
  | { readonly type: "source"; readonly source: Source }
  | { readonly type: "probe"; readonly probe: Probe };

/** What the control plane measures itself. */
export type Source =
  | { readonly of: "control-plane" | "databases" | "volumes" | "machines" | "machine" }
  | { readonly of: "instances"; readonly location: string }
  | { readonly of: "balancer"; readonly namespace: string; readonly name: string };

/** Asked from where the control plane runs; gives the series of blackbox_exporter. */
export type Probe =
  | {
      readonly type: "http";
      readonly url: string;
      /** The header Host, and the server's name in TLS. */
      readonly host?: string;
      /** Ranges of answers that are good. */
      readonly good: readonly (readonly [from: number, to: number])[];
      /** RE2, found somewhere in the body. */
      readonly body?: string;
      /** Take any certificate: when it ends is measured all the same. */
      readonly insecure?: boolean;
    }
  | { readonly type: "tcp"; readonly address: string }
  | {
      readonly type: "tls";
      readonly address: string;
      readonly serverName?: string;
      readonly insecure?: boolean;
    };

/** What one resource gives to be measured. The very same object as before when nothing about it has changed. */
export interface TargetGroup {
  /** `Service/default/api`. */
  readonly source: string;
  readonly targets: readonly MonitoredTarget[];
}

/** A rule file. The very same object as before when nothing in it has changed. */
export interface RuleFile {
  /** `default/service.api`. */
  readonly name: string;
  /** As in a Prometheus rule file (JSON is YAML). */
  readonly groups: readonly unknown[];
}

/** A silence that begins and ends by itself: what it is about tells when. */
export interface ManagedSilence {
  /** The same for the same reason; a UUID. */
  readonly id: string;
  readonly matchers: readonly {
    readonly name: string;
    readonly value: string;
    readonly isRegex: boolean;
    readonly isEqual: boolean;
  }[];
  /** RFC 3339. */
  readonly startsAt: string;
  /** RFC 3339. It ends before when it is not among the silences any more. */
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
}

/**
 * What is to be observed and who is told, handed to whoever does it. Each call gives the whole of it; it is called only
 * when something has changed, never before the last call has resolved.
 */
export interface MonitoringSink {
  setTargets(groups: readonly TargetGroup[]): Promise<void>;
  setGroups(files: readonly RuleFile[]): Promise<void>;
  /** An Alertmanager configuration (JSON is YAML). Secrets stand in it as they are: it goes to nobody else. */
  setRouting(configuration: Readonly<Record<string, unknown>>): Promise<void>;
  setSilences(silences: readonly ManagedSilence[]): Promise<void>;
}

/** All that a MonitoringSink is told, of what one Monitor speaks of. */
export interface Monitored {
  readonly targets: readonly TargetGroup[];
  readonly files: readonly RuleFile[];
  readonly routing: Readonly<Record<string, unknown>>;
  readonly silences: readonly ManagedSilence[];
}

/** An alert as the engine that raised it has it now. Times are RFC 3339. */
export interface RaisedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
  readonly activeAt: string;
  readonly value: string;
}

/** Kind Monitor, of a class where somebody else than the control plane measures and tells. */
export interface MonitorProvider extends Provider {
  /**
   * The whole of it each time; idempotent. Resolves when it is in force, with what of it cannot be done, a sentence each;
   * rejects with a sentence when it is refused: then what was in force before still is.
   */
  configure(identity: Identity, monitored: Monitored): Promise<readonly string[]>;
  source(identity: Identity): MetricsSource;
  alerts(identity: Identity): Promise<readonly RaisedAlert[]>;
}
