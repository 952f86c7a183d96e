/**
 * A notification as JSON: the body of Alertmanager's webhook, version 4 (its "Webhook receiver" documentation), which
 * commands and workflows get as well.
 */
import type { Notification, NotifiedAlert } from "./integration.ts";

export interface WebhookPayload {
  readonly version: "4";
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly WebhookAlert[];
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly groupKey: string;
  /** How many alerts were left out. */
  readonly truncatedAlerts: number;
}

export interface WebhookAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

/** With `maxAlerts` alerts at most; 0 for all. */
export function webhookPayload(notification: Notification, maxAlerts = 0): WebhookPayload {
  const { alerts, groupLabels, groupKey, externalUrl } = notification;
  const shown = maxAlerts === 0 ? alerts : alerts.slice(0, maxAlerts);
  return {
    receiver: quotedMeta(notification.receiver),
    status: statusOf(shown),
    alerts: shown.map((alert) => ({
      status: alert.status,
      labels: alert.labels.toObject(),
      annotations: alert.annotations,
      startsAt: rfc3339(alert.startsAt),
      endsAt: rfc3339(alert.endsAt),
      generatorURL: alert.generatorURL,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: groupLabels.toObject(),
    commonLabels: common(shown.map(({ labels }) => labels.toObject())),
    commonAnnotations: common(shown.map(({ annotations }) => annotations)),
    externalURL: externalUrl,
    version: "4",
    groupKey,
    truncatedAlerts: alerts.length - shown.length,
  };
}

/** Firing while one of them is. */
export function statusOf(alerts: readonly NotifiedAlert[]): "firing" | "resolved" {
  return alerts.some(({ status }) => status === "firing") ? "firing" : "resolved";
}

/** What all have in common. */
export function common(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value)),
  );
}

/** As Go writes a time; undefined is its zero time. */
export function rfc3339(time: number | undefined): string {
  if (time === undefined) return "0001-01-01T00:00:00Z";
  return new Date(time).toISOString().replace(/\.?0*Z$/, "Z");
}

/** Alertmanager gives the receiver's name as a regular expression, so that it can be used in a link to its alerts. */
export function quotedMeta(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}
