/** The contract of what delivers a notification: webhook, slack, email ... (receivers/). */
import type { Labels } from "../labels.ts";
import type { NotificationReason } from "./notification-log.ts";

/** What a receiver is told of one group at one moment. */
export interface Notification {
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** Templates, as the route has them. */
  readonly routeLabels: Readonly<Record<string, string>>;
  /** At least one, in the order of compareAlerts. */
  readonly alerts: readonly NotifiedAlert[];
  readonly reason: NotificationReason;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Where people find this alerting in a browser; may be empty. */
  readonly externalUrl: string;
}

export interface NotifiedAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: number;
  /** Undefined while it fires. */
  readonly endsAt: number | undefined;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

export interface Integration {
  /** `webhook`. */
  readonly kind: string;
  /** `webhook[0]`, unique in its receiver. */
  readonly name: string;
  readonly sendsResolved: boolean;
  /** Delivers once, in bounded time. Throws a DeliveryError. */
  deliver(notification: Notification): Promise<void>;
}

export type DeliveryFailure = "clientError" | "serverError" | "timeout" | "other";

/** One sentence that holds no secret. */
export class DeliveryError extends Error {
  /** Whether the same may succeed later. */
  readonly isTemporary: boolean;
  readonly reason: DeliveryFailure;

  constructor(
    message: string,
    options: { readonly isTemporary: boolean; readonly reason?: DeliveryFailure },
  ) {
    super(message);
    this.name = "DeliveryError";
    this.isTemporary = options.isTemporary;
    this.reason = options.reason ?? "other";
  }
}
