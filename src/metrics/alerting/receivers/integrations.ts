/** From a configuration's receivers to what delivers to them. */
import { glob, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Clock } from "../../../clock/clock.ts";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { Configuration, IntegrationConfiguration } from "../configuration/configuration.ts";
import type { Integration, Notification } from "../integration.ts";
import { Renderer } from "../templates.ts";
import { deliverToCommand } from "./command.ts";
import { deliverByEmail } from "./email.ts";
import { deliverToPagerduty } from "./pagerduty.ts";
import { deliverToSlack } from "./slack.ts";
import { deliverToWebhook } from "./webhook.ts";
import { type RunWorkflow, deliverToWorkflow } from "./workflow.ts";

export interface ReceiverServices {
  readonly clock: Clock;
  /** Against which relative names of template files are read. */
  readonly directory: string;
  /** Undefined until there are workflows. */
  readonly runWorkflow?: RunWorkflow;
}

export interface MadeIntegrations {
  /** By receiver. */
  readonly integrations: ReadonlyMap<string, readonly Integration[]>;
  /** With an error among them, templates are missing or wrong: do not use it. */
  readonly diagnostics: readonly Diagnostic[];
}

export async function makeIntegrations(
  configuration: Configuration,
  services: ReceiverServices,
): Promise<MadeIntegrations> {
  const diagnostics: Diagnostic[] = [];
  const renderer = await rendererOf(configuration, services, diagnostics);
  const context = { ...services, renderer };
  const integrations = new Map(
    configuration.receivers.map(({ name, integrations: configured }) => {
      const made = configured.flatMap((one) => {
        diagnostics.push(...problemsOf(name, one, context));
        const deliver = deliveryOf(one, context);
        return deliver === undefined ? [] : [integration(one, deliver)];
      });
      return [name, made] as const;
    }),
  );
  return { integrations, diagnostics };
}

type Delivery = (notification: Notification) => Promise<void>;

interface Context extends ReceiverServices {
  readonly renderer: Renderer;
}

function integration(
  { kind, index, sendResolved }: IntegrationConfiguration,
  deliver: Delivery,
): Integration {
  return { kind, name: `${kind}[${index}]`, sendsResolved: sendResolved, deliver };
}

/** Undefined where Tutti does not deliver to; diagnostics say so. */
function deliveryOf(one: IntegrationConfiguration, context: Context): Delivery | undefined {
  const { runWorkflow } = context;
  switch (one.kind) {
    case "webhook":
      return (notification) => deliverToWebhook(one, notification, context);
    case "slack":
      return (notification) => deliverToSlack(one, notification, context);
    case "email":
      return (notification) => deliverByEmail(one, notification, context);
    case "pagerduty":
      return (notification) => deliverToPagerduty(one, notification, context);
    case "command":
      return (notification) => deliverToCommand(one, notification, context);
    case "workflow":
      return runWorkflow && ((notification) => deliverToWorkflow(one, notification, runWorkflow));
    case "foreign":
      return undefined;
  }
}

/** What can be said of an integration before anything is sent. */
function problemsOf(
  receiver: string,
  one: IntegrationConfiguration,
  { renderer, runWorkflow }: Context,
): readonly Diagnostic[] {
  if (one.kind === "foreign") return [];
  const path = `receivers.${receiver}.${one.kind}_configs[${one.index}]`;
  if (one.kind === "workflow")
    return runWorkflow !== undefined
      ? []
      : [
          {
            severity: "warning",
            code: "WorkflowsUnavailable",
            path,
            message: `Workflow ${one.options.workflow} cannot be run: this control plane runs no workflows yet.`,
            hint: "Use a webhook or a command instead.",
          },
        ];
  return one.kind === "command" ? [] : templateProblems(one.options, path, renderer);
}

function templateProblems(value: unknown, path: string, renderer: Renderer): readonly Diagnostic[] {
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([name, member]) =>
      templateProblems(member, `${path}.${name}`, renderer),
    );
  if (typeof value !== "string" || !value.includes("{{")) return [];
  try {
    renderer.check(value);
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    // An address holds a token as often as not, and the message may hold a piece of it.
    const reason = /url|key|token|password|secret/.test(path) ? undefined : error.diagnostics[0]?.message;
    return [
      {
        severity: "error",
        code: "InvalidTemplate",
        path,
        message: `This is no template${reason === undefined ? "" : `: ${reason}`}`.replace(/([^.])$/, "$1."),
        hint: "Templates are Go's: check the braces and the names of functions.",
      },
    ];
  }
}

async function rendererOf(
  { templates }: Configuration,
  { directory }: ReceiverServices,
  diagnostics: Diagnostic[],
): Promise<Renderer> {
  const files: { name: string; text: string }[] = [];
  try {
    for (const pattern of templates) {
      const absolute = isAbsolute(pattern) ? pattern : join(directory, pattern);
      const names: string[] = [];
      for await (const name of glob(absolute)) names.push(name);
      for (const name of names.toSorted()) files.push({ name, text: await readFile(name, "utf8") });
    }
    return new Renderer(files);
  } catch (error) {
    if (error instanceof DiagnosticError) diagnostics.push(...error.diagnostics);
    else
      diagnostics.push({
        severity: "error",
        code: "UnreadableTemplate",
        message: `A template file cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
        hint: "Correct 'templates', or the file's permissions.",
      });
    return new Renderer();
  }
}
