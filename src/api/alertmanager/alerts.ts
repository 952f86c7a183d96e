import { z } from "zod";
import type { Dispatcher, KnownAlert, ReceivedAlert } from "../../metrics/alerting/dispatcher.ts";
import { Labels } from "../../metrics/labels.ts";
import { anchored } from "../../metrics/matcher.ts";
import { parsedBody } from "./body.ts";
import {
  type AlertmanagerRequest,
  type Reply,
  fitsFilter,
  flagOf,
  json,
  matchersOf,
  text,
  timeOf,
  timeText,
} from "./reply.ts";

/** Whoever sends more alerts at once has something else in mind. */
const MAX_POSTED = 50_000;

const labelSet = z.record(z.string().min(1), z.string());
const postable = z
  .array(
    z.object({
      labels: labelSet,
      annotations: labelSet.nullish(),
      startsAt: z.string().nullish(),
      endsAt: z.string().nullish(),
      generatorURL: z.string().nullish(),
    }),
  )
  .max(MAX_POSTED);

export function postAlerts(dispatcher: Dispatcher, { body }: AlertmanagerRequest): Reply {
  const posted = parsedBody(postable, body);
  const received = posted.map((one, at): ReceivedAlert => ({
    labels: Labels.of(one.labels),
    annotations: one.annotations ?? {},
    startsAt: timeOf(one.startsAt ?? undefined, `[${at}].startsAt`),
    endsAt: timeOf(one.endsAt ?? undefined, `[${at}].endsAt`),
    generatorURL: one.generatorURL ?? "",
  }));
  // Those that are right are taken whatever is said of the others.
  const problems = dispatcher.ingest(received);
  if (problems.size === 0) return text(200, "");
  return json(
    400,
    [...problems]
      .slice(0, 20)
      .map(([at, problem]) => `[${at}]: ${problem}`)
      .join(" "),
  );
}

export function listAlerts(dispatcher: Dispatcher, { query }: AlertmanagerRequest): Reply {
  const isWanted = alertFilter(query);
  const isWantedReceiver = receiverFilter(dispatcher, query);
  const found = dispatcher.alerts().filter((one) => one.receivers.some(isWantedReceiver) && isWanted(one));
  return json(
    200,
    found.map((one) => gettable(one, [])),
  );
}

export function alertGroups(dispatcher: Dispatcher, { query }: AlertmanagerRequest): Reply {
  const isWanted = alertFilter(query);
  const isWantedReceiver = receiverFilter(dispatcher, query);
  const withMuted = flagOf(query, "muted");
  const groups = dispatcher
    .groups()
    .filter(({ receiver, mutedBy }) => isWantedReceiver(receiver) && (withMuted || mutedBy.length === 0))
    .map(({ labels, routeLabels, receiver, mutedBy, alerts }) => ({
      labels: labels.toObject(),
      routeLabels,
      receiver: { name: receiver },
      // Of an alert's receivers, too, only those that were asked for.
      alerts: alerts
        .filter(isWanted)
        .map((one) => gettable({ ...one, receivers: one.receivers.filter(isWantedReceiver) }, mutedBy)),
    }));
  return json(
    200,
    groups.filter(({ alerts }) => alerts.length > 0),
  );
}

function alertFilter(query: URLSearchParams): (one: KnownAlert) => boolean {
  const matchers = matchersOf(query, "filter");
  const withActive = flagOf(query, "active");
  const withSilenced = flagOf(query, "silenced");
  const withInhibited = flagOf(query, "inhibited");
  const withUnprocessed = flagOf(query, "unprocessed");
  return ({ alert, status }) =>
    (withActive || status.state !== "active") &&
    (withUnprocessed || status.state !== "unprocessed") &&
    (withSilenced || status.silencedBy.length === 0) &&
    (withInhibited || status.inhibitedBy.length === 0) &&
    fitsFilter(matchers, new Map(alert.labels));
}

function receiverFilter(dispatcher: Dispatcher, query: URLSearchParams): (receiver: string) => boolean {
  const matchesName = anchored(query.get("receiver") ?? ".*");
  const matchers = matchersOf(query, "receiver_matchers");
  const labels = new Map(
    dispatcher.configuration.receivers.map((one) => [one.name, new Map(Object.entries(one.labels))] as const),
  );
  return (receiver) => matchesName(receiver) && fitsFilter(matchers, labels.get(receiver) ?? new Map());
}

function gettable({ alert, status, receivers }: KnownAlert, mutedBy: readonly string[]) {
  return {
    labels: alert.labels.toObject(),
    annotations: alert.annotations,
    startsAt: timeText(alert.startsAt),
    endsAt: timeText(alert.endsAt),
    updatedAt: timeText(alert.updatedAt),
    generatorURL: alert.generatorURL,
    fingerprint: alert.fingerprint,
    receivers: receivers.map((name) => ({ name })),
    status: { ...status, mutedBy },
  };
}
