/**
 * What monitoring tools say about a service that is scaled by itself: "more, while this lasts", and "it is over".
 *
 *     POST .../services/api/signal                {"name": "Busy"}, {"name": "Busy", "step": 2}, {"name": "Busy", "value": 8},
 *                                                 {"name": "Busy", "resolve": true}
 *     POST .../services/api/signal/alertmanager   Alertmanager's webhook as it is (version 4): alerts whose name is a
 *                                                 signal's count, others are passed over
 *
 * Both may be repeated. What lasts is kept in the status (controller/signals.ts), where the autoscaler finds it.
 */
import { type Heard, type Signal, type SignalWish, lasting, withSignal } from "../../controller/signals.ts";
import type { Autoscale } from "../../kinds/autoscale.ts";
import { equal } from "../../model/equality.ts";
import type { Resource } from "../../model/resource.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { isObject, objectBody } from "../body.ts";
import { existing } from "../read.ts";
import { badRequest, invalid } from "../status-error.ts";
import { bodyOf, committed, keyFrom, repeatedly } from "../write.ts";

type Body = Readonly<Record<string, unknown>>;
type Service = Resource<
  { readonly replicas?: unknown; readonly autoscale?: Partial<Autoscale> },
  { readonly replicas?: number; readonly autoscale?: { readonly signals?: readonly Signal[] } } | undefined
>;

const LONGEST_NAME = 200;
/** Of one webhook; Alertmanager sends groups. */
const MOST_ALERTS = 10_000;

export async function signal(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const heard = heardIn(objectBody(await bodyOf(context, call)));
  const known = declaredIn(context, target);
  if (!known.includes(heard.name))
    throw invalid(target.kind, target.name, [
      {
        severity: "error",
        code: "UnknownSignal",
        address: `${target.kind.root}/${target.name}`,
        path: "name",
        message: `It declares no signal '${heard.name}'.`,
        hint:
          known.length === 0
            ? "Declare it in spec.autoscale.signals."
            : `Declare it in spec.autoscale.signals; there is: ${known.join(", ")}.`,
      },
    ]);
  return hear(context, call, target, [heard]);
}

export async function alertmanagerSignal(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  const { alerts } = objectBody(await bodyOf(context, call));
  if (!Array.isArray(alerts) || alerts.length > MOST_ALERTS)
    throw badRequest(
      `alerts: it must be a list of alerts, at most ${MOST_ALERTS}, as Alertmanager sends it.`,
    );
  const known = declaredIn(context, target);
  const heard = alerts.map(heardFrom).filter(({ name }) => known.includes(name));
  // Several alerts of one name: while one of them fires it lasts.
  const firing = heard.filter(({ wish }) => wish.type === "fire");
  const over = heard.filter(({ name }) => !firing.some((one) => one.name === name));
  return hear(context, call, target, [
    ...new Map([...over, ...firing].map((one) => [one.name, one])).values(),
  ]);
}

async function hear(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  heard: readonly Heard[],
): Promise<Answer> {
  const signals = await repeatedly(undefined, async () => {
    const current = existing(context, target) as Service;
    const before = current.status?.autoscale?.signals ?? [];
    const next = after(current, heard, context.clock.now());
    if (equal(next, before)) return next;
    const status = { ...current.status, autoscale: scalingWith(current, next) };
    const expectedVersion = current.metadata.resourceVersion;
    await committed(
      context,
      call,
      current,
      { type: "status", key: keyFrom(target), status, expectedVersion },
      actionOf(heard),
    );
    return next;
  });
  return ok({ kind: "Signals", apiVersion: "tutti.dev/v1", heard: heard.map(({ name }) => name), signals });
}

/** The signals that last then. */
function after({ spec, status }: Service, heard: readonly Heard[], now: number): readonly Signal[] {
  const autoscale = spec.autoscale as Autoscale | undefined;
  if (autoscale === undefined) return [];
  const replicas = typeof spec.replicas === "number" ? spec.replicas : (status?.replicas ?? 0);
  return heard.reduce<readonly Signal[]>(
    (signals, one) => withSignal(signals, one, { autoscale, replicas, now }),
    lasting(status?.autoscale?.signals, now),
  );
}

function scalingWith({ spec, status }: Service, signals: readonly Signal[]): object {
  const present = status?.replicas ?? 0;
  const { signals: _before, ...rest } = status?.autoscale ?? {
    desiredReplicas: typeof spec.replicas === "number" ? spec.replicas : present,
    currentReplicas: present,
  };
  return signals.length === 0 ? rest : { ...rest, signals };
}

function actionOf(heard: readonly Heard[]): string {
  return heard
    .map(({ name, wish }) => (wish.type === "fire" ? `signal ${name}` : `signal ${name} is over`))
    .join(", ")
    .slice(0, LONGEST_NAME);
}

function declaredIn(context: ApiContext, target: ResourceTarget): readonly string[] {
  const { autoscale } = (existing(context, target) as Service).spec;
  return (autoscale?.signals ?? []).map(({ name }) => name);
}

function heardIn(body: Body): Heard {
  const { name, value, step, resolve = false } = body;
  if (typeof name !== "string" || name === "" || name.length > LONGEST_NAME)
    throw badRequest("name: it must be the name of a signal.");
  if (typeof resolve !== "boolean") throw badRequest("resolve: it must be true or false.");
  if (resolve) return { name, wish: { type: "resolve" } };
  if (value !== undefined && step !== undefined) throw badRequest("Give a value or a step, not both.");
  return { name, wish: { type: "fire", ...wanted("replicas", value), ...wanted("step", step) } };
}

function wanted(
  as: "replicas" | "step",
  value: unknown,
): Partial<Extract<SignalWish, { readonly type: "fire" }>> {
  if (value === undefined) return {};
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw badRequest(`${as === "replicas" ? "value" : as}: it must be a whole number, 0 or more.`);
  return { [as]: value as number };
}

function heardFrom(alert: unknown): Heard {
  const { status, labels } = (isObject(alert) ? alert : {}) as {
    readonly status?: unknown;
    readonly labels?: unknown;
  };
  const name = isObject(labels) ? labels["alertname"] : undefined;
  return {
    name: typeof name === "string" ? name : "",
    wish: status === "resolved" ? { type: "resolve" } : { type: "fire" },
  };
}
