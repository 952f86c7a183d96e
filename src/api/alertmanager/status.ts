import type { Dispatcher } from "../../metrics/alerting/dispatcher.ts";
import { type AlertmanagerRequest, type Reply, fitsFilter, json, matchersOf, timeText } from "./reply.ts";

/** The version of Alertmanager whose behaviour and API this is. */
const VERSION = "0.27.0";

export function status(dispatcher: Dispatcher): Reply {
  return json(200, {
    // There is one of it: the control plane, which is as available as its store.
    cluster: { status: "disabled", peers: [] },
    versionInfo: {
      version: VERSION,
      revision: "",
      branch: "tutti",
      buildUser: "",
      buildDate: "",
      goVersion: "",
    },
    config: { original: dispatcher.configuration.shown },
    uptime: timeText(dispatcher.startedAt),
  });
}

export function listReceivers(dispatcher: Dispatcher, { query }: AlertmanagerRequest): Reply {
  const matchers = matchersOf(query, "receiver_matchers");
  const found = dispatcher.configuration.receivers
    .map(({ name, labels }) => ({ name, labels }))
    .filter(({ labels }) => fitsFilter(matchers, new Map(Object.entries(labels))));
  return json(200, found);
}
