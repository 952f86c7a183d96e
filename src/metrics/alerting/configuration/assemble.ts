/** Checked fields as a Configuration: `global` filled in, older spellings turned into the new ones, secrets closed. */
import { Secret } from "../secret.ts";
import { sortMatchers } from "../matchers.ts";
import type {
  Configuration,
  EmailIntegration,
  HttpClientConfiguration,
  InhibitRule,
  IntegrationConfiguration,
  PagerdutyIntegration,
  RouteConfiguration,
  SlackIntegration,
  WebhookIntegration,
} from "./configuration.ts";
import { FOREIGN_RECEIVERS } from "./foreign-receivers.ts";
import type { HttpConfig } from "./receiver-schemas.ts";
import type { File, FileInhibitRule, FileReceiver, FileRoute } from "./schema.ts";

type Global = File["global"];
type Of<Kind extends keyof FileReceiver> =
  NonNullable<FileReceiver[Kind]> extends readonly (infer Each)[] ? Each : never;

export function assemble(file: File, shown: string): Configuration {
  return {
    shown,
    resolveTimeout: file.global.resolve_timeout,
    route: route(file.route),
    receivers: file.receivers.map((receiver) => ({
      name: receiver.name,
      labels: receiver.labels,
      integrations: integrations(receiver, file.global),
    })),
    inhibitRules: file.inhibit_rules.map(inhibitRule),
    timeIntervals: new Map(
      [...file.mute_time_intervals, ...file.time_intervals].map(
        ({ name, time_intervals }) => [name, time_intervals] as const,
      ),
    ),
    templates: file.templates,
  };
}

function route(fields: FileRoute): RouteConfiguration {
  return {
    receiver: fields.receiver === "" ? undefined : fields.receiver,
    groupBy: fields.group_by,
    matchers: sortMatchers([...(fields.match ?? []), ...(fields.match_re ?? []), ...(fields.matchers ?? [])]),
    continues: fields.continue,
    groupWait: fields.group_wait,
    groupInterval: fields.group_interval,
    repeatInterval: fields.repeat_interval,
    muteTimeIntervals: fields.mute_time_intervals,
    activeTimeIntervals: fields.active_time_intervals,
    labels: fields.labels,
    routes: fields.routes.map(route),
  };
}

function inhibitRule(fields: FileInhibitRule): InhibitRule {
  return {
    sources: [
      ...(fields.source_match ?? []),
      ...(fields.source_match_re ?? []),
      ...(fields.source_matchers ?? []),
    ],
    targets: [
      ...(fields.target_match ?? []),
      ...(fields.target_match_re ?? []),
      ...(fields.target_matchers ?? []),
    ],
    equal: fields.equal,
  };
}

function integrations(receiver: FileReceiver, global: Global): readonly IntegrationConfiguration[] {
  return [
    ...(receiver.webhook_configs ?? []).map((one, index) => ({
      ...common(one, index),
      ...webhook(one, global),
    })),
    ...(receiver.slack_configs ?? []).map((one, index) => ({ ...common(one, index), ...slack(one, global) })),
    ...(receiver.email_configs ?? []).map((one, index) => ({ ...common(one, index), ...email(one, global) })),
    ...(receiver.pagerduty_configs ?? []).map((one, index) => ({
      ...common(one, index),
      ...pagerduty(one, global),
    })),
    ...(receiver.command_configs ?? []).map((options, index) => ({
      ...common(options, index),
      kind: "command" as const,
      options,
    })),
    ...(receiver.workflow_configs ?? []).map((options, index) => ({
      ...common(options, index),
      kind: "workflow" as const,
      options,
    })),
    ...Object.keys(FOREIGN_RECEIVERS).flatMap((name) => foreign(receiver, name)),
  ];
}

function common(one: { readonly send_resolved: boolean }, index: number) {
  return { index, sendResolved: one.send_resolved };
}

function foreign(receiver: FileReceiver, name: string): readonly IntegrationConfiguration[] {
  const configs = receiver[`${name}_configs` as keyof FileReceiver] as readonly unknown[] | undefined;
  return (configs ?? []).map((_config, index) => ({ kind: "foreign", name, index, sendResolved: true }));
}

function webhook(options: Of<"webhook_configs">, global: Global): WebhookIntegration {
  return {
    kind: "webhook",
    url: needed(Secret.either(options.url, options.url_file)),
    http: http(options.http_config ?? global.http_config, options.timeout),
    options,
  };
}

function slack(options: Of<"slack_configs">, global: Global): SlackIntegration {
  const ownUrl = Secret.either(options.api_url, options.api_url_file);
  const ownToken = Secret.either(options.app_token, options.app_token_file);
  const isAuthorized = options.http_config?.authorization !== undefined;
  const token =
    ownToken ??
    (ownUrl === undefined && !isAuthorized
      ? Secret.either(global.slack_app_token, global.slack_app_token_file)
      : undefined);
  const client = http(options.http_config ?? global.http_config, options.timeout);
  if (token !== undefined)
    return {
      kind: "slack",
      url: Secret.of(options.app_url ?? global.slack_app_url),
      http: { ...client, authorizationType: "Bearer", credentials: token },
      options,
    };
  const url = ownUrl ?? Secret.either(global.slack_api_url, global.slack_api_url_file);
  return { kind: "slack", url: needed(url), http: client, options };
}

function email(options: Of<"email_configs">, global: Global): EmailIntegration {
  const { host, port } = needed(options.smarthost ?? global.smtp_smarthost);
  const either = (one: string | undefined, other: string | undefined): string | undefined =>
    one !== undefined && one !== "" ? one : other === "" ? undefined : other;
  return {
    kind: "email",
    from: either(options.from, global.smtp_from) ?? "",
    hello: either(options.hello, global.smtp_hello) ?? "localhost",
    host,
    port: Number(port === "smtp" ? 25 : port),
    username: either(options.auth_username, global.smtp_auth_username),
    identity: either(options.auth_identity, global.smtp_auth_identity),
    password:
      Secret.either(options.auth_password, options.auth_password_file) ??
      Secret.either(global.smtp_auth_password, global.smtp_auth_password_file),
    cramSecret:
      Secret.either(options.auth_secret, options.auth_secret_file) ??
      Secret.either(global.smtp_auth_secret, global.smtp_auth_secret_file),
    requiresTls: options.require_tls ?? global.smtp_require_tls,
    implicitTls: options.force_implicit_tls ?? global.smtp_force_implicit_tls ?? port === "465",
    tls: options.tls_config ?? global.smtp_tls_config,
    options,
  };
}

function pagerduty(options: Of<"pagerduty_configs">, global: Global): PagerdutyIntegration {
  const serviceKey = Secret.either(options.service_key, options.service_key_file);
  return {
    kind: "pagerduty",
    url: options.url ?? global.pagerduty_url,
    key: needed(serviceKey ?? Secret.either(options.routing_key, options.routing_key_file)),
    isFirstVersion: serviceKey !== undefined,
    http: http(options.http_config ?? global.http_config, options.timeout),
    options,
  };
}

/** Long enough for a slow receiver, short enough for several attempts in the shortest usual group_interval. */
const HTTP_TIMEOUT = 30_000;

function http(config: HttpConfig | undefined, timeout: number | undefined): HttpClientConfiguration {
  const { basic_auth, authorization, http_headers, tls_config, ...rest } = config ?? NO_HTTP_CONFIG;
  return {
    username: basic_auth?.username,
    password: Secret.either(basic_auth?.password, basic_auth?.password_file),
    authorizationType: authorization?.type ?? "Bearer",
    credentials: credentials({ authorization, ...rest }),
    headers: headers(http_headers ?? {}),
    tls: tls_config,
    followsRedirects: rest.follow_redirects,
    timeout: timeout === undefined || timeout === 0 ? HTTP_TIMEOUT : timeout,
  };
}

const NO_HTTP_CONFIG: HttpConfig = { follow_redirects: true };

function credentials({ authorization, bearer_token, bearer_token_file }: HttpConfig): Secret | undefined {
  return (
    Secret.either(authorization?.credentials, authorization?.credentials_file) ??
    Secret.either(bearer_token, bearer_token_file)
  );
}

function headers(configured: NonNullable<HttpConfig["http_headers"]>): HttpClientConfiguration["headers"] {
  return Object.entries(configured).map(([name, { values = [], secrets = [], files = [] }]) => ({
    name,
    values: [
      ...[...values, ...secrets].map((value) => Secret.of(value)),
      ...files.map((path) => Secret.file(path)),
    ],
  }));
}

/** What the checks have made sure of. */
function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("A checked configuration lacks a field.");
  return value;
}
