/** What is demanded of a receiver's integrations, given `global`. */
import { type Finding, exclusive, exclusiveFiles, isNonEmpty } from "./finding.ts";
import { FOREIGN_RECEIVERS } from "./foreign-receivers.ts";
import type { HttpConfig } from "./receiver-schemas.ts";
import type { File, FileReceiver } from "./schema.ts";

type Path = readonly PropertyKey[];
type Global = File["global"];
type Of<Kind extends keyof FileReceiver> =
  NonNullable<FileReceiver[Kind]> extends readonly (infer Each)[] ? Each : never;

export function receiverFindings(receiver: FileReceiver, global: Global, path: Path): readonly Finding[] {
  return [
    ...each(receiver.webhook_configs, [...path, "webhook_configs"], webhookFindings),
    ...each(receiver.slack_configs, [...path, "slack_configs"], (one, at) => slackFindings(one, global, at)),
    ...each(receiver.email_configs, [...path, "email_configs"], (one, at) => emailFindings(one, global, at)),
    ...each(receiver.pagerduty_configs, [...path, "pagerduty_configs"], pagerdutyFindings),
    ...Object.keys(FOREIGN_RECEIVERS).flatMap((name) => foreignFindings(name, receiver, global, path)),
  ];
}

function each<T extends object>(
  configs: readonly T[] | undefined,
  path: Path,
  check: (config: T, path: Path) => readonly Finding[],
): readonly Finding[] {
  return (configs ?? []).flatMap((config, at) => [
    ...exclusiveFiles(config, [...path, at]),
    ...check(config, [...path, at]),
    ...("http_config" in config
      ? httpFindings(config.http_config as HttpConfig | undefined, [...path, at, "http_config"])
      : []),
  ]);
}

/** What Alertmanager would do with a connection and Tutti does not. */
function httpFindings(http: HttpConfig | undefined, path: Path): readonly Finding[] {
  const names = ["proxy_url", "proxy_from_environment", "oauth2"] as const;
  return names
    .filter((name) => http?.[name] !== undefined && http[name] !== false)
    .map((name) => ({
      severity: "warning" as const,
      code: "UnsupportedField",
      path: [...path, name],
      message: `Notifications are sent without ${name === "oauth2" ? "OAuth 2.0" : "a proxy"}.`,
      hint: `Take ${name} away if the receiver can be reached without it, else run class alertmanager.`,
    }));
}

function webhookFindings(config: Of<"webhook_configs">, path: Path): readonly Finding[] {
  return needsOne(config, ["url", "url_file"], path);
}

function slackFindings(config: Of<"slack_configs">, global: Global, path: Path): readonly Finding[] {
  const hasToken = [config.app_token, config.app_token_file].some(isNonEmpty);
  const hasUrl = [config.api_url, config.api_url_file].some(isNonEmpty);
  const findings: Finding[] = hasToken && hasUrl ? [exclusive(path, "api_url", "app_token")] : [];
  if (!hasToken && !hasUrl && !SLACK_GLOBALS.some((name) => isNonEmpty(global[name])))
    findings.push(missing(path, ["api_url", "api_url_file", "app_token", "app_token_file"]));
  if (hasToken && config.http_config?.authorization !== undefined)
    findings.push(exclusive(path, "app_token", "http_config"));
  if (config.update_message && config.api_url !== "https://slack.com/api/chat.postMessage")
    findings.push({
      code: "Conflict",
      path: [...path, "update_message"],
      message: "Messages that come in through a webhook cannot be updated.",
      hint: "Set api_url to https://slack.com/api/chat.postMessage and use a bot's token.",
    });
  else if (config.update_message)
    findings.push({
      severity: "warning",
      code: "UnsupportedField",
      path: [...path, "update_message"],
      message: "Messages are not updated: each notification is a message of its own.",
      hint: "Take update_message away, or run class alertmanager.",
    });
  return findings;
}

const SLACK_GLOBALS = [
  "slack_api_url",
  "slack_api_url_file",
  "slack_app_token",
  "slack_app_token_file",
] as const;

function emailFindings(config: Of<"email_configs">, global: Global, path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  if (config.smarthost === undefined && global.smtp_smarthost === undefined)
    findings.push(missing(path, ["smarthost", "global.smtp_smarthost"]));
  if (!isNonEmpty(config.from) && !isNonEmpty(global.smtp_from))
    findings.push(missing(path, ["from", "global.smtp_from"]));
  const names = Object.keys(config.headers).map((name) => name.toLowerCase());
  for (const name of names.filter((each, at) => names.indexOf(each) !== at))
    findings.push({
      code: "DuplicateName",
      path: [...path, "headers"],
      message: `The header '${name}' stands here twice.`,
      hint: "Keep one of them.",
    });
  for (const name of ["references", "in-reply-to"])
    if (config.threading?.enabled === true && names.includes(name))
      findings.push(exclusive(path, `the header ${name}`, "threading"));
  return findings;
}

function pagerdutyFindings(config: Of<"pagerduty_configs">, path: Path): readonly Finding[] {
  return needsOne(config, ["routing_key", "routing_key_file", "service_key", "service_key_file"], path);
}

function foreignFindings(
  name: string,
  receiver: FileReceiver,
  global: Global,
  path: Path,
): readonly Finding[] {
  const foreign = FOREIGN_RECEIVERS[name];
  const field = `${name}_configs` as keyof FileReceiver;
  const configs = receiver[field] as readonly (Record<string, unknown> | null)[] | undefined;
  if (foreign === undefined || configs === undefined) return [];
  return configs.flatMap((config, at): readonly Finding[] => {
    const here = [...path, field, at];
    if (config === null && foreign.mayBeEmpty === undefined) return [missing(here, foreign.needs.flat())];
    const removed = (foreign.removed ?? []).filter((each) => isNonEmpty(config?.[each]));
    return [
      ...exclusiveFiles(config ?? {}, here),
      ...foreign.needs.flatMap((names) => needsOne({ ...prefixed(global), ...config }, names, here)),
      ...removed.map((each) => ({
        code: "UnknownField",
        path: [...here, each],
        message: `There is no field '${each}' any more.`,
        hint: "See Alertmanager's documentation for what replaced it.",
      })),
      {
        severity: "warning",
        code: "UndeliverableReceiver",
        path: here,
        message: `Tutti does not deliver to ${name}: what is routed there reaches nobody.`,
        hint: "Use webhook, slack, email, pagerduty or command, or run class alertmanager.",
      },
    ];
  });
}

function prefixed(global: Global): Record<string, unknown> {
  return Object.fromEntries(Object.entries(global).map(([name, value]) => [`global.${name}`, value]));
}

function needsOne(fields: object, names: readonly string[], path: Path): readonly Finding[] {
  const members = new Map<string, unknown>(Object.entries(fields));
  return names.some((name) => isNonEmpty(members.get(name))) ? [] : [missing(path, names)];
}

function missing(path: Path, names: readonly string[]): Finding {
  return {
    code: "MissingField",
    path,
    message: names.length === 1 ? `${names[0]} is missing.` : `One of ${names.join(", ")} is missing.`,
    hint: "Give it.",
  };
}
