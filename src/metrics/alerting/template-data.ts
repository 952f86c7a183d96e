/** A notification as templates see it (Alertmanager's "Notification template reference"). */
import { ZERO_TIME } from "../template/moment-methods.ts";
import { Moment } from "../../clock/moment.ts";
import { Composite, type Value, listOf, mapOf, templateFunction } from "../template/value.ts";
import type { Notification, NotifiedAlert } from "./integration.ts";
import { common, quotedMeta, rfc3339, statusOf } from "./notification.ts";

type Texts = Readonly<Record<string, string>>;

export function templateData(notification: Notification, routeLabels: Texts): Value {
  const { alerts, groupLabels } = notification;
  return Composite.struct("*template.Data", {
    Receiver: quotedMeta(notification.receiver),
    Status: statusOf(alerts),
    Alerts: alertList(alerts),
    NotificationReason: notification.reason,
    GroupLabels: keyValues(groupLabels.toObject()),
    CommonLabels: keyValues(common(alerts.map(({ labels }) => labels.toObject()))),
    CommonAnnotations: keyValues(common(alerts.map(({ annotations }) => annotations))),
    RouteLabels: keyValues(routeLabels),
    ExternalURL: notification.externalUrl,
  });
}

function alertList(alerts: readonly NotifiedAlert[]): Composite {
  const withStatus = (status: string) =>
    templateFunction([], () => alerts.filter((alert) => alert.status === status).map(alertStruct));
  return Composite.list("template.Alerts", alerts.map(alertStruct), {
    Firing: withStatus("firing"),
    Resolved: withStatus("resolved"),
  });
}

function alertStruct(alert: NotifiedAlert): Composite {
  return Composite.struct("template.Alert", {
    Status: alert.status,
    Labels: keyValues(alert.labels.toObject()),
    Annotations: keyValues(alert.annotations),
    StartsAt: new Moment(alert.startsAt),
    EndsAt: new Moment(alert.endsAt ?? ZERO_TIME),
    GeneratorURL: alert.generatorURL,
    Fingerprint: alert.fingerprint,
  });
}

function keyValues(texts: Texts): Composite {
  const pairs = sortedPairs(texts);
  return Composite.map("template.KV", new Map(Object.entries(texts)), {
    SortedPairs: templateFunction([], () => pairList(pairs)),
    Names: templateFunction([], () => textList(pairs.map(([name]) => name))),
    Values: templateFunction([], () => textList(pairs.map(([, value]) => value))),
    Remove: templateFunction(["list"], ([names = []]) => {
      const removed = new Set((listOf(names) ?? []).map(String));
      return keyValues(Object.fromEntries(pairs.filter(([name]) => !removed.has(name))));
    }),
  });
}

/** By name, the alert's own first. */
function sortedPairs(texts: Texts): readonly (readonly [string, string])[] {
  const rank = (name: string): string => (name === "alertname" ? "" : `1${name}`);
  return Object.entries(texts).toSorted(([one], [other]) => (rank(one) < rank(other) ? -1 : 1));
}

function pairList(pairs: readonly (readonly [string, string])[]): Composite {
  const structs = pairs.map(([name, value]) =>
    Composite.struct("template.Pair", { Name: name, Value: value }),
  );
  return Composite.list("template.Pairs", structs, {
    Names: templateFunction([], () => textList(pairs.map(([name]) => name))),
    Values: templateFunction([], () => textList(pairs.map(([, value]) => value))),
  });
}

function textList(texts: readonly string[]): Composite {
  return Composite.list("template.Strings", texts, {
    Join: templateFunction(["string"], ([separator]) => texts.join(String(separator))),
  });
}

/** As Go's encoding/json writes such values: fields of data and alerts in the names of the webhook. */
export function jsonOf(value: Value): unknown {
  if (value instanceof Moment) return rfc3339(value.epoch === ZERO_TIME ? undefined : value.epoch);
  if (typeof value === "bigint") return Number(value);
  const list = listOf(value);
  if (list !== undefined) return list.map(jsonOf);
  const map = mapOf(value);
  if (map !== undefined) return jsonMembers([...map].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  if (!(value instanceof Composite)) return value;
  if (value.base.kind === "text") return value.base.text;
  if (value.base.kind !== "struct") return null;
  const isTagged = value.type !== "template.Pair";
  const name = (field: string): string =>
    isTagged ? `${field.charAt(0).toLowerCase()}${field.slice(1)}` : field;
  return jsonMembers([...value.base.fields].map(([field, member]) => [name(field), member]));
}

function jsonMembers(members: readonly (readonly [string, Value])[]): Record<string, unknown> {
  return Object.fromEntries(members.map(([name, member]) => [name, jsonOf(member)]));
}
