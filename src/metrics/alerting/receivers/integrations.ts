/** From a configuration's receivers to what delivers to them. */
import { glob, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Clock } from "../../../clock/clock.ts";
import { type Diagnostic, DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import type { Configuration, IntegrationConfiguration } from "../configuration/configuration.ts";
import type { Integration, Notification } from "../integration.ts";
import type { WebhookPayload } from "../notification.ts";
import { Renderer } from "../templates.ts";
import { deliverToWebhook } from "./webhook.ts";

export interface ReceiverServices {
  readonly clock: Clock;
  /** Against which relative names of template files are read. */
  readonly directory: string;
  /** Starts a workflow; undefined until there are workflows. */
  readonly runWorkflow?: (name: string, payload: WebhookPayload) => Promise<void>;
}

export interface MadeIntegrations {
  /** By receiver. */
  readonly integrations: ReadonlyMap<string, readonly Integration[]>;
  /** With an error among them, templates are missing: do not use it. */
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

/** Undefined where Tutti does not deliver to; the configuration's warnings say so. */
function deliveryOf(one: IntegrationConfiguration, context: Context): Delivery | undefined {
  switch (one.kind) {
    case "webhook":
      return (notification) => deliverToWebhook(one, notification, context);
    default:
      return undefined;
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
