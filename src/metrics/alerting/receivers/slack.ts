/** Slack's incoming webhooks and chat.postMessage: one attachment a notification (api.slack.com/messaging/webhooks). */
import type { SlackIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type Notification } from "../integration.ts";
import type { Rendering } from "../templates.ts";
import { type DeliveryContext, truncated } from "./delivery-context.ts";
import { type Answer, postJson } from "./http.ts";

const MAX_TITLE = 1024;

export async function deliverToSlack(
  { url, http, options }: SlackIntegration,
  notification: Notification,
  { clock, renderer }: DeliveryContext,
): Promise<void> {
  const render = renderer.of(notification);
  const message = {
    ...rendered(render, {
      channel: options.channel,
      username: options.username,
      icon_emoji: options.icon_emoji,
      icon_url: options.icon_url,
      text: options.message_text,
    }),
    ...(options.link_names ? { link_names: true } : {}),
    attachments: [attachment(options, render)],
  };
  const answer = await postJson({
    url: await url.reveal(),
    body: JSON.stringify(message),
    client: http,
    clock,
    retryOn: [429],
  });
  checkAnswer(answer);
}

function attachment(options: SlackIntegration["options"], render: Rendering): Record<string, unknown> {
  return {
    ...rendered(render, {
      title_link: options.title_link,
      pretext: options.pretext,
      image_url: options.image_url,
      thumb_url: options.thumb_url,
      color: options.color,
    }),
    title: truncated(render.text(options.title), MAX_TITLE),
    text: render.text(options.text),
    fallback: render.text(options.fallback),
    callback_id: render.text(options.callback_id),
    footer: render.text(options.footer),
    mrkdwn_in: options.mrkdwn_in,
    ...(options.fields === undefined
      ? {}
      : {
          fields: options.fields.map(({ title, value, short }) => ({
            title: render.text(title),
            value: render.text(value),
            short: short ?? options.short_fields,
          })),
        }),
    ...(options.actions === undefined ? {} : { actions: render.deep(options.actions) }),
  };
}

/** Without what renders to nothing. */
function rendered(
  render: Rendering,
  templates: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates)
      .map(([name, template]) => [name, render.text(template ?? "")] as const)
      .filter(([, text]) => text !== ""),
  );
}

/** Slack answers 200 to what it refuses, too. */
function checkAnswer({ type, body }: Answer): void {
  const refusal = type.startsWith("application/json") ? jsonRefusal(body) : body === "ok" ? undefined : body;
  if (refusal === undefined) return;
  throw new DeliveryError(`Slack refused the message: ${refusal.slice(0, 200)}.`, {
    isTemporary: false,
    reason: "clientError",
  });
}

function jsonRefusal(body: string): string | undefined {
  try {
    const { ok, error } = JSON.parse(body) as { readonly ok?: unknown; readonly error?: unknown };
    return ok === true ? undefined : String(error);
  } catch {
    return "its answer is no JSON";
  }
}
