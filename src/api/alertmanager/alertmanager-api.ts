/**
 * Alertmanager's API, version 2 (its openapi.yaml), and its two probes, over a Dispatcher.
 *
 *   request --route--> handler --(query and body checked)--> dispatcher --> JSON
 *
 * A handler of requests, not a server: whoever serves it decides who may ask.
 */
import { RE2JSException } from "re2js";
import type { Dispatcher } from "../../metrics/alerting/dispatcher.ts";
import { MatcherSyntaxError } from "../../metrics/alerting/matchers.ts";
import { alertGroups, listAlerts, postAlerts } from "./alerts.ts";
import { type AlertmanagerRequest, BadRequest, type Reply, json, text } from "./reply.ts";
import { deleteSilence, getSilence, listSilences, postSilence } from "./silences.ts";
import { listReceivers, status } from "./status.ts";

export type AlertmanagerApi = (request: AlertmanagerRequest) => Promise<Reply>;

type Handler = (dispatcher: Dispatcher, request: AlertmanagerRequest, id: string) => Reply;

const HANDLERS: Readonly<Record<string, Handler>> = {
  "GET /api/v2/status": status,
  "GET /api/v2/receivers": listReceivers,
  "GET /api/v2/silences": listSilences,
  "POST /api/v2/silences": postSilence,
  "GET /api/v2/silence/{id}": getSilence,
  "DELETE /api/v2/silence/{id}": deleteSilence,
  "GET /api/v2/alerts": listAlerts,
  "POST /api/v2/alerts": postAlerts,
  "GET /api/v2/alerts/groups": alertGroups,
  "GET /-/healthy": () => text(200, "OK"),
  "GET /-/ready": (dispatcher) =>
    dispatcher.isRunning ? text(200, "OK") : text(503, "Notifications have not begun yet."),
};

export function alertmanagerApi(dispatcher: Dispatcher): AlertmanagerApi {
  // oxlint-disable-next-line typescript/require-await
  return async (request) => {
    const path = request.path.replace(/\/$/, "").replace(/^(\/api\/v2\/silence\/)([^/]+)$/, "$1{id}");
    const id = /^\/api\/v2\/silence\/([^/]+)$/.exec(request.path)?.[1] ?? "";
    const method = request.method === "HEAD" ? "GET" : request.method;
    const handler = HANDLERS[`${method} ${path}`];
    if (handler === undefined) return unknownPath(path);
    try {
      return handler(dispatcher, request, id);
    } catch (error) {
      if (
        error instanceof BadRequest ||
        error instanceof MatcherSyntaxError ||
        error instanceof RE2JSException
      )
        return json(400, error.message);
      throw error;
    }
  };
}

function unknownPath(path: string): Reply {
  const isKnown = Object.keys(HANDLERS).some((key) => key.endsWith(` ${path}`));
  return isKnown ? json(405, "This method is not for this path.") : json(404, `There is nothing at ${path}.`);
}
