/** An Alertmanager configuration, checked and with what `global` says filled in. Times are milliseconds. */
import type { z } from "zod";
import type { Matcher } from "../../matcher.ts";
import type { Secret } from "../secret.ts";
import type { TimeInterval } from "../time-interval.ts";
import type {
  TlsConfig,
  commandConfig,
  emailConfig,
  pagerdutyConfig,
  slackConfig,
  webhookConfig,
  workflowConfig,
} from "./receiver-schemas.ts";

export interface Configuration {
  /** The file as it may be shown: without comments and secrets, and as Alertmanager's own tools can read it. */
  readonly shown: string;
  readonly resolveTimeout: number;
  readonly route: RouteConfiguration;
  readonly receivers: readonly ReceiverConfiguration[];
  readonly inhibitRules: readonly InhibitRule[];
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  /** Patterns of files with templates. */
  readonly templates: readonly string[];
}

export interface RouteConfiguration {
  readonly receiver?: string | undefined;
  readonly groupBy?: readonly string[] | "all" | undefined;
  readonly matchers: readonly Matcher[];
  readonly continues: boolean;
  readonly groupWait?: number | undefined;
  readonly groupInterval?: number | undefined;
  readonly repeatInterval?: number | undefined;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly routes: readonly RouteConfiguration[];
}

export interface InhibitRule {
  readonly sources: readonly Matcher[];
  readonly targets: readonly Matcher[];
  readonly equal: readonly string[];
}

export interface ReceiverConfiguration {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly integrations: readonly IntegrationConfiguration[];
}

/** One way in which a receiver is told; `index` counts those of its kind in the receiver. */
export type IntegrationConfiguration = { readonly index: number; readonly sendResolved: boolean } & (
  | WebhookIntegration
  | SlackIntegration
  | EmailIntegration
  | PagerdutyIntegration
  | CommandIntegration
  | WorkflowIntegration
  | ForeignIntegration
);

export interface HttpClientConfiguration {
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
  readonly authorizationType: string;
  readonly credentials?: Secret | undefined;
  readonly headers: readonly { readonly name: string; readonly values: readonly Secret[] }[];
  readonly tls: TlsConfig | undefined;
  readonly followsRedirects: boolean;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
}

export interface WebhookIntegration {
  readonly kind: "webhook";
  readonly url: Secret;
  readonly http: HttpClientConfiguration;
  readonly options: z.infer<typeof webhookConfig>;
}

export interface SlackIntegration {
  readonly kind: "slack";
  readonly url: Secret;
  readonly http: HttpClientConfiguration;
  readonly options: z.infer<typeof slackConfig>;
}

export interface EmailIntegration {
  readonly kind: "email";
  readonly from: string;
  readonly hello: string;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly identity: string | undefined;
  readonly password: Secret | undefined;
  readonly cramSecret: Secret | undefined;
  readonly requiresTls: boolean;
  readonly implicitTls: boolean;
  readonly tls: TlsConfig | undefined;
  readonly options: z.infer<typeof emailConfig>;
}

export interface PagerdutyIntegration {
  readonly kind: "pagerduty";
  readonly url: string;
  readonly key: Secret;
  /** Events API v1, of a `service_key`. */
  readonly isFirstVersion: boolean;
  readonly http: HttpClientConfiguration;
  readonly options: z.infer<typeof pagerdutyConfig>;
}

export interface CommandIntegration {
  readonly kind: "command";
  readonly options: z.infer<typeof commandConfig>;
}

export interface WorkflowIntegration {
  readonly kind: "workflow";
  readonly options: z.infer<typeof workflowConfig>;
}

export interface ForeignIntegration {
  readonly kind: "foreign";
  /** `opsgenie`, `telegram` ... */
  readonly name: string;
}
