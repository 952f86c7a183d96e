import { z } from "zod";
import { defineKind } from "./kind.ts";
import { baseStatus, duration } from "./fields.ts";

const texts = z.record(z.string(), z.string());
const secretText = z.string().meta({ secret: true });

const http = z
  .strictObject({
    authorization: z
      .strictObject({
        type: z.string().default("Bearer").describe("What the credentials are."),
        credentials: secretText.describe("The credentials."),
      })
      .optional()
      .describe("The header Authorization."),
    basicAuth: z
      .strictObject({
        username: z.string().describe("The user."),
        password: secretText.describe("The password."),
      })
      .optional()
      .describe("User and password."),
    tlsConfig: z
      .strictObject({
        ca: z.string().optional().describe("Who signs the server's certificate, in PEM."),
        serverName: z.string().optional().describe("Name in the server's certificate."),
        insecureSkipVerify: z.boolean().default(false).describe("Take any certificate."),
      })
      .optional()
      .describe("How the server is known."),
    followRedirects: z.boolean().default(true).describe("Whether redirects are followed."),
  })
  .optional()
  .describe("How the address is asked.");

const webhook = z.strictObject({
  url: secretText.describe("Where the message is sent, in Alertmanager's JSON."),
  httpConfig: http,
  maxAlerts: z.int().min(0).default(0).describe("How many alerts a message holds at most; 0 for all."),
  timeout: duration.optional().describe("How long it may take."),
});

const slack = z.strictObject({
  apiUrl: secretText.describe("The incoming webhook."),
  channel: z.string().optional().describe("Channel or user."),
  username: z.string().optional().describe("Name that the message is from."),
  color: z.string().optional().describe("Colour of the bar; a template."),
  title: z.string().optional().describe("A template."),
  titleLink: z.string().optional().describe("A template."),
  pretext: z.string().optional().describe("A template."),
  text: z.string().optional().describe("A template."),
  fallback: z.string().optional().describe("A template."),
  footer: z.string().optional().describe("A template."),
  iconEmoji: z.string().optional().describe("For example ':bell:'."),
  httpConfig: http,
});

const email = z.strictObject({
  to: z.string().describe("Addresses, with commas between them."),
  from: z.string().describe("Address of the sender."),
  smarthost: z.string().describe("host:port of the SMTP server."),
  hello: z.string().optional().describe("Name given to the server."),
  authUsername: z.string().optional().describe("User at the server."),
  authPassword: secretText.optional().describe("Password at the server."),
  requireTls: z.boolean().default(true).describe("Send over TLS only."),
  headers: texts.default({}).describe("More headers, such as Subject; templates."),
  html: z.string().optional().describe("A template."),
  text: z.string().optional().describe("A template."),
});

const pagerduty = z.strictObject({
  routingKey: secretText.describe("Integration key (Events API v2)."),
  url: z.string().optional().describe("Where events are sent; PagerDuty when absent."),
  client: z.string().optional().describe("Who says so; a template."),
  clientUrl: z.string().optional().describe("A template."),
  description: z.string().optional().describe("A template."),
  severity: z.string().optional().describe("A template."),
  class: z.string().optional().describe("A template."),
  component: z.string().optional().describe("A template."),
  group: z.string().optional().describe("A template."),
  details: texts.default({}).describe("More to say; templates."),
  httpConfig: http,
});

const command = z.strictObject({
  command: z
    .array(z.string())
    .min(1)
    .describe("The program; the message is its input, in Alertmanager's JSON."),
  env: z
    .record(z.string(), z.string().meta({ secret: true }))
    .default({})
    .describe("Environment variables."),
  timeout: duration.default("30s").describe("How long it may take."),
});

const workflow = z.strictObject({
  name: z.string().describe("Name of the workflow; a run for each message."),
  input: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Further parameters: the message is the parameter 'notification'."),
});

const WAYS = ["webhook", "slack", "email", "pagerduty", "command", "workflow"] as const;

/** Whom alerts are told, how, and which of them. Field names are Alertmanager's, in camel case. */
export const receiver = defineKind({
  kind: "Receiver",
  plural: "receivers",
  description: "Whom alerts are told, how, and which of them.",
  body: z.strictObject({
    spec: z.strictObject({
      webhook: webhook.optional().describe("An HTTP POST in Alertmanager's format."),
      slack: slack.optional().describe("A message in Slack's format."),
      email: email.optional().describe("A mail over SMTP."),
      pagerduty: pagerduty.optional().describe("An event for PagerDuty (Events API v2)."),
      command: command.optional().describe("A program, run where the control plane runs."),
      workflow: workflow.optional().describe("A run of a workflow."),
      sendResolved: z.boolean().default(true).describe("Tell also what is over."),
      matchers: z
        .array(z.string())
        .default([])
        .describe('Which alerts, in Alertmanager\'s notation: severity="critical"; all when empty.'),
      groupBy: z
        .array(z.string())
        .default(["alertname", "tutti_system"])
        .describe("Labels; alerts that have the same values of them come in one message."),
      groupWait: duration.default("10s").describe("How long to wait for others before the first message."),
      groupInterval: duration
        .default("1m")
        .describe("Time between two messages of a group that has changed."),
      repeatInterval: duration.default("4h").describe("Time after which a message is sent again."),
      continue: z.boolean().default(true).describe("Whether other receivers are told as well."),
    }),
  }),
  status: z.object(baseStatus),
  columns: [
    {
      name: "BY",
      type: "string",
      value: ({ spec }) => WAYS.filter((way) => spec?.[way] !== undefined).join(","),
    },
    {
      name: "MATCHERS",
      type: "string",
      value: ({ spec }) => ((spec?.["matchers"] ?? []) as readonly string[]).join(", "),
    },
  ],
  check: ({ spec }) =>
    WAYS.some((way) => spec?.[way] !== undefined)
      ? []
      : [
          {
            code: "MissingField",
            path: "spec",
            message: "It says of no way to tell anybody.",
            hint: `Give one of ${WAYS.join(", ")}.`,
          },
        ],
  example: {
    spec: { webhook: { url: "https://hooks.example.com/alerts" }, matchers: ['severity="critical"'] },
  },
});
