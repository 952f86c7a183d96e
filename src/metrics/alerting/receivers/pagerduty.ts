/** PagerDuty's Events API, version 2 (developer.pagerduty.com, "Send an alert event"), and version 1 for service keys. */
import type { PagerdutyIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type Notification } from "../integration.ts";
import { statusOf } from "../notification.ts";
import type { Rendering } from "../templates.ts";
import { type DeliveryContext, groupHash, truncated } from "./delivery-context.ts";
import { postJson } from "./http.ts";

const MAX_SUMMARY = 1024;
const MAX_EVENT = 512_000;
const FIRST_VERSION_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

const DEFAULT_DETAILS: Readonly<Record<string, string>> = {
  firing: '{{ template "pagerduty.default.instances" .Alerts.Firing }}',
  resolved: '{{ template "pagerduty.default.instances" .Alerts.Resolved }}',
  num_firing: "{{ .Alerts.Firing | len }}",
  num_resolved: "{{ .Alerts.Resolved | len }}",
};

export async function deliverToPagerduty(
  integration: PagerdutyIntegration,
  notification: Notification,
  { clock, renderer }: DeliveryContext,
): Promise<void> {
  const { options, isFirstVersion, http } = integration;
  const render = renderer.of(notification);
  const key = render.text(await integration.key.reveal(), "the address");
  if (key === "") throw new DeliveryError("The key for PagerDuty is empty.", { isTemporary: false });
  const details = render.deep({ ...DEFAULT_DETAILS, ...options.details });
  const make = isFirstVersion ? firstVersionEvent : event;
  const whole = JSON.stringify(make(options, notification, render, key, details));
  const body =
    Buffer.byteLength(whole) <= MAX_EVENT
      ? whole
      : JSON.stringify(make(options, notification, render, key, { error: "The details were too large." }));
  await postJson({
    url: isFirstVersion ? (options.url ?? FIRST_VERSION_URL) : integration.url,
    body,
    client: http,
    clock,
    // What each version says when it is asked too often.
    retryOn: [isFirstVersion ? 403 : 429],
  });
}

type Options = PagerdutyIntegration["options"];

function event(
  options: Options,
  { groupKey, alerts }: Notification,
  render: Rendering,
  key: string,
  details: unknown,
): Record<string, unknown> {
  const { images, links } = options;
  return {
    routing_key: key,
    event_action: statusOf(alerts) === "firing" ? "trigger" : "resolve",
    dedup_key: groupHash(groupKey),
    client: render.text(options.client),
    client_url: render.text(options.client_url),
    payload: {
      summary: truncated(render.text(options.description), MAX_SUMMARY),
      source: render.text(options.source ?? options.client),
      severity: render.text(options.severity),
      ...(["class", "component", "group"] as const).reduce((found: Record<string, string>, name) => {
        const text = render.text(options[name]);
        return text === "" ? found : { ...found, [name]: text };
      }, {}),
      custom_details: details,
    },
    ...(images.length === 0 ? {} : { images: given(render.deep(images), "src") }),
    ...(links.length === 0 ? {} : { links: given(render.deep(links), "href") }),
  };
}

function firstVersionEvent(
  options: Options,
  { groupKey, alerts }: Notification,
  render: Rendering,
  key: string,
  details: unknown,
): Record<string, unknown> {
  const isFiring = statusOf(alerts) === "firing";
  return {
    service_key: key,
    event_type: isFiring ? "trigger" : "resolve",
    incident_key: groupHash(groupKey),
    description: truncated(render.text(options.description), MAX_SUMMARY),
    ...(isFiring ? { client: render.text(options.client), client_url: render.text(options.client_url) } : {}),
    details,
  };
}

/** Those whose address is not empty once rendered. */
function given(items: unknown, address: string): readonly unknown[] {
  return (items as readonly Record<string, unknown>[]).filter((item) => item[address] !== "");
}
