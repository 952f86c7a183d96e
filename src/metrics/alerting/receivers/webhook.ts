import type { WebhookIntegration } from "../configuration/configuration.ts";
import type { Notification } from "../integration.ts";
import { webhookPayload } from "../notification.ts";
import type { DeliveryContext } from "./delivery-context.ts";
import { postJson } from "./http.ts";

/** Posts the payload, or the one that the configuration makes up itself. */
export async function deliverToWebhook(
  { url, http, options }: WebhookIntegration,
  notification: Notification,
  { clock, renderer }: DeliveryContext,
): Promise<void> {
  const { max_alerts, payload } = options;
  const render = renderer.of(notification, max_alerts);
  const body = payload === undefined ? webhookPayload(notification, max_alerts) : render.deep(payload);
  await postJson({
    url: render.text(await url.reveal(), "the address"),
    body: JSON.stringify(body),
    client: http,
    clock,
  });
}
