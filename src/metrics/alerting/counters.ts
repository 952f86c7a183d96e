/** What happened, counted, under the names of Alertmanager's own metrics; and what each integration said last. */
import type { DeliveryError, Integration } from "./integration.ts";

export interface AlertingSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** How an integration does. Times are milliseconds since the epoch. */
export interface IntegrationHealth {
  readonly receiver: string;
  readonly integration: string;
  readonly lastSuccess?: number;
  readonly lastFailure?: number;
  /** Of the last attempt; undefined when it succeeded. */
  readonly error?: string;
}

export class AlertingCounters {
  readonly #counts = new Map<
    string,
    { labels: Readonly<Record<string, string>>; name: string; value: number }
  >();
  readonly #health = new Map<string, IntegrationHealth>();

  received(status: "firing" | "resolved"): void {
    this.#add("alertmanager_alerts_received_total", { status });
  }

  invalid(): void {
    this.#add("alertmanager_alerts_invalid_total", {});
  }

  suppressed(reason: string, count: number): void {
    if (count > 0) this.#add("alertmanager_notifications_suppressed_total", { reason }, count);
  }

  notification(receiver: string, { kind }: Integration): void {
    this.#add("alertmanager_notifications_total", { integration: kind, receiver_name: receiver });
  }

  /** What was told could not be written down. */
  logFailed(): void {
    this.#add("alertmanager_nflog_maintenance_errors_total", {});
  }

  /** A notification was given up. */
  failed(receiver: string, { kind }: Integration, { reason }: DeliveryError): void {
    const labels = { integration: kind, receiver_name: receiver, reason };
    this.#add("alertmanager_notifications_failed_total", labels);
  }

  attempt(receiver: string, integration: Integration, failure: DeliveryError | undefined, now: number): void {
    const labels = { integration: integration.kind, receiver_name: receiver };
    this.#add("alertmanager_notification_requests_total", labels);
    if (failure !== undefined) this.#add("alertmanager_notification_requests_failed_total", labels);
    const key = `${receiver}/${integration.name}`;
    const { error: _error, ...before } = this.#health.get(key) ?? { receiver, integration: integration.name };
    this.#health.set(
      key,
      failure === undefined
        ? { ...before, lastSuccess: now }
        : { ...before, lastFailure: now, error: failure.message },
    );
  }

  samples(): readonly AlertingSample[] {
    return [...this.#counts.values()].map(({ name, labels, value }) => ({ name, labels, value }));
  }

  health(): readonly IntegrationHealth[] {
    return [...this.#health.values()];
  }

  /** Forgets what is no longer configured. */
  keepOnly(receivers: ReadonlySet<string>): void {
    for (const [key, { receiver }] of this.#health) if (!receivers.has(receiver)) this.#health.delete(key);
  }

  #add(name: string, labels: Readonly<Record<string, string>>, by = 1): void {
    const key = JSON.stringify([name, labels]);
    const count = this.#counts.get(key) ?? { name, labels, value: 0 };
    count.value += by;
    this.#counts.set(key, count);
  }
}
