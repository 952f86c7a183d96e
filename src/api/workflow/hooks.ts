/**
 * Webhooks: `POST /hooks/NAMESPACE/SCHEDULE/TRIGGER`, signed with the key that the trigger names; without a token, since who
 * sends has none.
 *
 *   signature and timestamp good? ──no──> 401, told nothing more     ──yes──> the Schedule is asked for a run, once a delivery
 *
 * - standard (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`. A delivery older than the tolerance is refused, and
 *   the id of a younger one is remembered for longer than that: nothing is started twice by sending it again.
 * - github: HMAC-SHA256 over the body alone. A body that was seen, or an id, starts nothing again.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../clock/clock.ts";
import { type Trigger, type TriggeredSchedule, fire } from "../../controllers/trigger/fire.ts";
import type { Seen, SeenFiles } from "../../controllers/trigger/seen.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Store } from "../../store/store.ts";
import type { MountAnswer, MountRequest, Serve } from "../mount.ts";
import { StatusError, statusBody } from "../status-error.ts";

export interface HooksOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** What triggers have dealt with. */
  readonly seen: SeenFiles;
  readonly readSecret: (namespace: string, name: string) => Readonly<Record<string, string>> | undefined;
}

type WebhookTrigger = Extract<Trigger, { readonly webhook: object }>;

interface Delivery {
  /** All of them must be new. */
  readonly identities: readonly string[];
  readonly id: string;
}

const LARGEST = 1 << 20;
const LONGEST_ID = 200;

export function webhooks(options: HooksOptions): Serve {
  return async (request) => {
    try {
      return await receive(request, options);
    } catch (error) {
      if (error instanceof StatusError) return answer(error.code, statusBody(error));
      throw error;
    }
  };
}

async function receive(request: MountRequest, options: HooksOptions): Promise<MountAnswer> {
  const { store, clock } = options;
  if (request.method !== "POST") throw new StatusError(405, "MethodNotAllowed", "A webhook is a POST.");
  if (request.body.length > LARGEST)
    throw new StatusError(413, "RequestEntityTooLarge", `A webhook is at most ${LARGEST >> 20} MB.`);
  const { schedule, trigger } = triggerAt(request.path, store);
  const { namespace = "default" } = schedule.metadata;
  const key = options.readSecret(namespace, trigger.webhook.secret)?.["key"];
  if (key === undefined || key === "")
    throw new StatusError(503, "ServiceUnavailable", "The key of this webhook is not there yet.");
  const now = clock.now();
  const delivery = deliveryIn(request, trigger, key, now);
  const seen = await options.seen.of(schedule.metadata.uid);
  if (delivery.identities.some((identity) => seen.has(trigger.name, identity)))
    return answer(202, { accepted: false, known: delivery.id });
  return answerOf(await accept(request, { schedule, trigger, delivery, store, now, seen }), delivery);
}

interface Accepting extends Pick<HooksOptions, "store"> {
  readonly schedule: TriggeredSchedule;
  readonly trigger: WebhookTrigger;
  readonly delivery: Delivery;
  readonly now: number;
  readonly seen: Seen;
}

async function accept(
  request: MountRequest,
  { schedule, trigger, delivery: { id, identities }, store, now, seen }: Accepting,
): Promise<Awaited<ReturnType<typeof fire>>> {
  const event = { id, body: bodyIn(request), headers: shownHeaders(request.headers) };
  const cause = { actor: `hook:${schedule.metadata.name}/${trigger.name}`, action: `delivery ${id}` };
  const [identity = id] = identities;
  const asked = await fire(schedule, trigger, [{ identity, event }], { store, now, cause, seen });
  if (asked === "queued" || asked === "known" || asked === "left out")
    await seen.add(trigger.name, identities);
  return asked;
}

function answerOf(asked: Awaited<ReturnType<typeof fire>>, { id }: Delivery): MountAnswer {
  if (asked === "full") throw new StatusError(503, "ServiceUnavailable", "Too much waits already.");
  if (asked === "suspended") throw new StatusError(503, "ServiceUnavailable", "The schedule is suspended.");
  return answer(202, { accepted: asked === "queued", ...(asked === "known" ? { known: id } : {}) });
}

/** Without the name of a trigger, the only webhook there is. */
function triggerAt(
  path: string,
  store: Store,
): { readonly schedule: TriggeredSchedule; readonly trigger: WebhookTrigger } {
  const [namespace = "", name = "", wanted, ...more] = path.split("/").filter((part) => part !== "");
  const schedule = store.get({ kind: "Schedule", namespace, name }) as TriggeredSchedule | undefined;
  const hooks = (schedule?.spec.triggers ?? []).filter((one): one is WebhookTrigger => "webhook" in one);
  const found =
    wanted === undefined && hooks.length === 1 ? hooks[0] : hooks.find((one) => one.name === wanted);
  if (schedule === undefined || found === undefined || more.length > 0)
    throw new StatusError(404, "NotFound", "There is no such webhook: /hooks/NAMESPACE/SCHEDULE/TRIGGER.");
  return { schedule, trigger: found };
}

function deliveryIn(request: MountRequest, { webhook }: WebhookTrigger, key: string, now: number): Delivery {
  if (webhook.style === "github") {
    const given = request.headers["x-hub-signature-256"] ?? "";
    requireSignature(
      [given.replace(/^sha256=/, "")],
      createHmac("sha256", key).update(request.body).digest("hex"),
    );
    const id = idIn(request.headers["x-github-delivery"] ?? request.headers["x-gitea-delivery"]);
    const body = createHash("sha256").update(request.body).digest("hex");
    return { id, identities: [`id ${id}`, `body ${body}`] };
  }
  const id = idIn(request.headers["webhook-id"]);
  const timestamp = request.headers["webhook-timestamp"] ?? "";
  const signed = createHmac("sha256", keyBytes(key)).update(`${id}.${timestamp}.`).update(request.body);
  const given = (request.headers["webhook-signature"] ?? "").split(" ").map((one) => one.replace(/^v1,/, ""));
  requireSignature(given, signed.digest("base64"));
  // Only what is signed is worth being told the reason.
  const sent = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 : Number.NaN;
  if (!(Math.abs(now - sent) <= parseDuration(webhook.tolerance)))
    throw new StatusError(401, "Unauthorized", "The delivery's timestamp is too old, or too far ahead.");
  return { id, identities: [`id ${id}`] };
}

/** Several may be given, of keys that are being changed. Compares digests: the time taken tells nothing. */
function requireSignature(given: readonly string[], expected: string): void {
  const isGood = given.slice(0, 10).map((one) => timingSafeEqual(digest(one), digest(expected)));
  if (!isGood.includes(true))
    throw new StatusError(401, "Unauthorized", "The signature is missing or not good.");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** `whsec_` and base64, as the standard has it, or any text. */
function keyBytes(key: string): Buffer {
  return key.startsWith("whsec_") ? Buffer.from(key.slice(6), "base64") : Buffer.from(key);
}

function idIn(text: string | undefined): string {
  if (text === undefined || text === "" || text.length > LONGEST_ID)
    throw new StatusError(401, "Unauthorized", "The delivery has no id.");
  return text;
}

function bodyIn({ body, headers }: MountRequest): unknown {
  const text = Buffer.from(body).toString("utf8");
  if (!(headers["content-type"] ?? "application/json").includes("json")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** No credentials: what is recorded can be read. */
function shownHeaders(headers: MountRequest["headers"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => SHOWN.has(name) || name.startsWith("x-github-event")),
  );
}

const SHOWN: ReadonlySet<string> = new Set(["content-type", "user-agent", "webhook-id", "webhook-timestamp"]);

function answer(status: number, body: unknown): MountAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
