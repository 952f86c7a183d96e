/** What can be said of a receiver Tutti delivers to. Fields are named and mean what Alertmanager's documentation says. */
import { z } from "zod";
import { count, duration, flag, hostPort, labelValues, text, timeout, webAddress } from "./scalars.ts";

const tls = z.strictObject({
  ca: text.optional(),
  cert: text.optional(),
  key: text.optional(),
  ca_file: text.optional(),
  cert_file: text.optional(),
  key_file: text.optional(),
  server_name: text.optional(),
  insecure_skip_verify: flag.default(false),
  min_version: text.optional(),
  max_version: text.optional(),
});

export const httpConfig = z.strictObject({
  basic_auth: z
    .strictObject({
      username: text.optional(),
      username_file: text.optional(),
      password: text.optional(),
      password_file: text.optional(),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: text.default("Bearer"),
      credentials: text.optional(),
      credentials_file: text.optional(),
    })
    .optional(),
  bearer_token: text.optional(),
  bearer_token_file: text.optional(),
  oauth2: z.looseObject({}).optional(),
  proxy_url: text.optional(),
  no_proxy: text.optional(),
  proxy_from_environment: flag.optional(),
  proxy_connect_header: z.looseObject({}).optional(),
  tls_config: tls.optional(),
  follow_redirects: flag.default(true),
  enable_http2: flag.optional(),
  http_headers: z
    .record(
      text,
      z.strictObject({
        values: z.array(text).optional(),
        secrets: z.array(text).optional(),
        files: z.array(text).optional(),
      }),
    )
    .optional(),
});

export type HttpConfig = z.infer<typeof httpConfig>;
export type TlsConfig = z.infer<typeof tls>;

const overHttp = { http_config: httpConfig.optional(), timeout: timeout.optional() };

export const webhookConfig = z.strictObject({
  send_resolved: flag.default(true),
  ...overHttp,
  url: webAddress({ template: true }).optional(),
  url_file: text.optional(),
  max_alerts: count.default(0),
  payload: z.unknown().optional(),
});

const slackAction = z.strictObject({
  type: text,
  text: text,
  url: text.optional(),
  style: text.optional(),
  name: text.optional(),
  value: text.optional(),
  confirm: z
    .strictObject({
      text: text,
      title: text.optional(),
      ok_text: text.optional(),
      dismiss_text: text.optional(),
    })
    .optional(),
});

const template = (name: string) => text.default(`{{ template "${name}" . }}`);

export const slackConfig = z.strictObject({
  send_resolved: flag.default(false),
  ...overHttp,
  api_url: webAddress().optional(),
  api_url_file: text.optional(),
  app_token: text.optional(),
  app_token_file: text.optional(),
  app_url: webAddress().optional(),
  channel: text.optional(),
  username: template("slack.default.username"),
  color: template("slack.default.color"),
  title: template("slack.default.title"),
  title_link: template("slack.default.titlelink"),
  pretext: template("slack.default.pretext"),
  text: template("slack.default.text"),
  message_text: text.optional(),
  fields: z.array(z.strictObject({ title: text, value: text, short: flag.optional() })).optional(),
  short_fields: flag.default(false),
  footer: template("slack.default.footer"),
  fallback: template("slack.default.fallback"),
  callback_id: template("slack.default.callbackid"),
  icon_emoji: template("slack.default.iconemoji"),
  icon_url: template("slack.default.iconurl"),
  image_url: text.optional(),
  thumb_url: text.optional(),
  link_names: flag.default(false),
  mrkdwn_in: z.array(text).default(["fallback", "pretext", "text"]),
  actions: z.array(slackAction).optional(),
  update_message: flag.default(false),
});

export const emailConfig = z.strictObject({
  send_resolved: flag.default(false),
  to: text.min(1, "An email goes to somebody."),
  from: text.optional(),
  hello: text.optional(),
  smarthost: hostPort.optional(),
  auth_username: text.optional(),
  auth_password: text.optional(),
  auth_password_file: text.optional(),
  auth_secret: text.optional(),
  auth_secret_file: text.optional(),
  auth_identity: text.optional(),
  headers: z.record(text, text).default({}),
  html: template("email.default.html"),
  text: text.default(""),
  require_tls: flag.optional(),
  tls_config: tls.optional(),
  force_implicit_tls: flag.optional(),
  threading: z
    .strictObject({
      enabled: flag.default(false),
      thread_by_date: z.enum(["none", "daily"]).default("daily"),
    })
    .optional(),
});

export const pagerdutyConfig = z.strictObject({
  send_resolved: flag.default(true),
  ...overHttp,
  service_key: text.optional(),
  service_key_file: text.optional(),
  routing_key: text.optional(),
  routing_key_file: text.optional(),
  url: webAddress().optional(),
  client: template("pagerduty.default.client"),
  client_url: template("pagerduty.default.clientURL"),
  description: template("pagerduty.default.description"),
  details: z.record(text, z.unknown()).default({}),
  images: z
    .array(z.strictObject({ src: text.default(""), alt: text.default(""), href: text.default("") }))
    .default([]),
  links: z.array(z.strictObject({ href: text.default(""), text: text.default("") })).default([]),
  source: text.optional(),
  severity: text.default("error"),
  class: text.default(""),
  component: text.default(""),
  group: text.default(""),
});

/** Tutti's own: a program that gets the webhook's JSON on its standard input. */
export const commandConfig = z.strictObject({
  send_resolved: flag.default(true),
  command: z.array(text).min(1, "Name the program to run, and its arguments."),
  environment: z.record(text, text).default({}),
  timeout: timeout.default(30_000),
});

/** Tutti's own: a workflow whose run gets the webhook's JSON as its parameter `notification`, beside `input`. */
export const workflowConfig = z.strictObject({
  send_resolved: flag.default(true),
  workflow: text.min(1, "Name the workflow to run."),
  input: z.record(z.string(), z.unknown()).default({}),
});

export const globalConfig = z.looseObject({
  resolve_timeout: duration.default(300_000),
  http_config: httpConfig.optional(),
  smtp_from: text.optional(),
  smtp_hello: text.optional(),
  smtp_smarthost: hostPort.optional(),
  smtp_auth_username: text.optional(),
  smtp_auth_password: text.optional(),
  smtp_auth_password_file: text.optional(),
  smtp_auth_secret: text.optional(),
  smtp_auth_secret_file: text.optional(),
  smtp_auth_identity: text.optional(),
  smtp_require_tls: flag.default(true),
  smtp_tls_config: tls.optional(),
  smtp_force_implicit_tls: flag.optional(),
  slack_api_url: webAddress().optional(),
  slack_api_url_file: text.optional(),
  slack_app_token: text.optional(),
  slack_app_token_file: text.optional(),
  slack_app_url: webAddress().default("https://slack.com/api/chat.postMessage"),
  pagerduty_url: webAddress().default("https://events.pagerduty.com/v2/enqueue"),
});

export const receiverLabels = labelValues;
