/** What one part of a configuration demands of another. */
import { type Finding, exclusive, exclusiveFiles, isNonEmpty } from "./finding.ts";
import { globalConfig } from "./receiver-schemas.ts";
import { receiverFindings } from "./receiver-checks.ts";
import type { File, FileRoute } from "./schema.ts";

export function findingsIn(file: File): readonly Finding[] {
  return [
    ...globalFindings(file),
    ...duplicateNames(file.receivers, ["receivers"], "receiver"),
    ...file.receivers.flatMap((receiver, at) => receiverFindings(receiver, file.global, ["receivers", at])),
    ...intervalFindings(file),
    ...rootFindings(file.route),
    ...routeFindings(file),
  ];
}

const OTHER_SERVICES = /^(?:jira|opsgenie|wechat|victorops|telegram|webex|rocketchat|mattermost)_/;
const KNOWN_GLOBALS = new Set(Object.keys(globalConfig.shape));

function globalFindings({ global }: File): readonly Finding[] {
  const names = Object.keys(global);
  const findings: Finding[] = names
    .filter((name) => !KNOWN_GLOBALS.has(name) && !OTHER_SERVICES.test(name))
    .map((name) => ({
      code: "UnknownField",
      path: ["global", name],
      message: `There is no field '${name}' in global.`,
      hint: "Take it away or correct its name.",
    }));
  const hasToken = isNonEmpty(global.slack_app_token) || isNonEmpty(global.slack_app_token_file);
  const hasUrl = isNonEmpty(global.slack_api_url) || isNonEmpty(global.slack_api_url_file);
  // Both are told apart from the time when a token was used by giving the application's address as the webhook's.
  if (hasToken && hasUrl && global.slack_api_url !== global.slack_app_url)
    findings.push(exclusive(["global"], "slack_app_token", "slack_api_url"));
  return [...findings, ...exclusiveFiles(global, ["global"])];
}

function duplicateNames(
  named: readonly { readonly name: string }[],
  path: readonly PropertyKey[],
  what: string,
): readonly Finding[] {
  const seen = new Set<string>();
  return named.flatMap(({ name }, at) => {
    const isRepeated = seen.has(name);
    seen.add(name);
    return isRepeated
      ? [
          {
            code: "DuplicateName",
            path: [...path, at, "name"],
            message: `There is another ${what} '${name}'.`,
            hint: "Give each a name of its own.",
          },
        ]
      : [];
  });
}

function intervalFindings(file: File): readonly Finding[] {
  const older = new Set(file.mute_time_intervals.map(({ name }) => name));
  return [
    ...duplicateNames(file.mute_time_intervals, ["mute_time_intervals"], "time interval"),
    ...duplicateNames(file.time_intervals, ["time_intervals"], "time interval"),
    ...file.time_intervals.flatMap(({ name }, at): readonly Finding[] =>
      older.has(name)
        ? [
            {
              code: "DuplicateName",
              path: ["time_intervals", at, "name"],
              message: `There is another time interval '${name}' in mute_time_intervals.`,
              hint: "Give each a name of its own.",
            },
          ]
        : [],
    ),
  ];
}

function rootFindings(root: FileRoute): readonly Finding[] {
  const refused = (["match", "match_re", "matchers"] as const)
    .filter((name) => (root[name]?.length ?? 0) > 0)
    .map((name) => rootRefuses(name, "takes every alert, so it has no matchers"));
  const timed = (["mute_time_intervals", "active_time_intervals"] as const)
    .filter((name) => root[name].length > 0)
    .map((name) => rootRefuses(name, "is always active"));
  const continued = root.continue ? [rootRefuses("continue", "has no route after it")] : [];
  const missing: Finding = {
    code: "MissingField",
    path: ["route"],
    message: "The root route has no receiver.",
    hint: "Name the receiver that gets what no other route takes.",
  };
  return [...(isNonEmpty(root.receiver) ? [] : [missing]), ...refused, ...timed, ...continued];
}

function rootRefuses(name: string, because: string): Finding {
  return {
    code: "InvalidRootRoute",
    path: ["route", name],
    message: `The root route ${because}.`,
    hint: `Move ${name} into a route below it.`,
  };
}

function routeFindings(file: File): readonly Finding[] {
  const receivers = new Set(file.receivers.map(({ name }) => name));
  const intervals = new Set([...file.mute_time_intervals, ...file.time_intervals].map(({ name }) => name));
  return walk(file.route, ["route"]).flatMap(({ route, path }): readonly Finding[] => [
    ...(isNonEmpty(route.receiver) && !receivers.has(route.receiver ?? "")
      ? [unknown([...path, "receiver"], "receiver", route.receiver ?? "")]
      : []),
    ...(["mute_time_intervals", "active_time_intervals"] as const).flatMap((name) =>
      route[name].flatMap((interval, at) =>
        intervals.has(interval) ? [] : [unknown([...path, name, at], "time interval", interval)],
      ),
    ),
  ]);
}

function unknown(path: readonly PropertyKey[], what: string, name: string): Finding {
  return {
    code: "UnknownReference",
    path,
    message: `There is no ${what} '${name}'.`,
    hint: `Define it, or name one that is there.`,
  };
}

function walk(
  route: FileRoute,
  path: readonly PropertyKey[],
): readonly { readonly route: FileRoute; readonly path: readonly PropertyKey[] }[] {
  return [{ route, path }, ...route.routes.flatMap((child, at) => walk(child, [...path, "routes", at]))];
}
