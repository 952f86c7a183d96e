/** `/rules`, `/alerts`, `/alertmanagers`. */
import type { AlertView, GroupView, RuleView } from "../../metrics/rules/views.ts";
import { PrometheusError } from "./error.ts";

const TYPES: Readonly<Record<string, RuleView["type"]>> = { alert: "alerting", record: "recording" };

export function rulesData(groups: readonly GroupView[], parameters: URLSearchParams): unknown {
  const wanted = parameters.get("type") ?? "";
  if (wanted !== "" && TYPES[wanted] === undefined)
    throw new PrometheusError("bad_data", `invalid parameter "type": not supported value "${wanted}"`);
  const names = new Set(parameters.getAll("rule_name[]"));
  const groupNames = new Set(parameters.getAll("rule_group[]"));
  const files = new Set(parameters.getAll("file[]"));
  const withoutAlerts = parameters.get("exclude_alerts") === "true";
  const fits = (rule: RuleView): boolean =>
    (wanted === "" || rule.type === TYPES[wanted]) && (names.size === 0 || names.has(rule.name));
  const shown = groups
    .filter(
      ({ name, file }) =>
        (groupNames.size === 0 || groupNames.has(name)) && (files.size === 0 || files.has(file)),
    )
    .map((group) => ({
      ...group,
      rules: group.rules
        .filter(fits)
        .map((rule) => (withoutAlerts && rule.type === "alerting" ? { ...rule, alerts: [] } : rule)),
    }))
    // A filter that leaves nothing of a group leaves the group out.
    .filter(({ rules }) => rules.length > 0 || (wanted === "" && names.size === 0));
  return { groups: shown };
}

export function alertsData(alerts: readonly AlertView[]): unknown {
  return { alerts };
}

/** Alerts go to the dispatcher beside the rules; its API is mounted under /alertmanager. */
export function alertmanagersData(): unknown {
  return { activeAlertmanagers: [], droppedAlertmanagers: [] };
}
