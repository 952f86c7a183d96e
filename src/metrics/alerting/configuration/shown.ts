/**
 * A configuration as it may be shown: no comments, no secrets, and only what Alertmanager's own tools know, since `amtool`
 * asks for it in order to print and test routes and refuses fields it does not know.
 */
import { stringify } from "yaml";
import { REDACTED } from "../secret.ts";

/** Fields that are secret wherever they stand. */
const SECRET =
  /(?:password|secret|token|credentials|api_key|service_key|routing_key|user_key|api_url|webhook_url|^key|^secret_key|^access_key|token_id)$/;
/** Under a name that looks secret, and are not: addresses of public services. */
const PUBLIC = /^(?:opsgenie|wechat|victorops|telegram|webex|rocketchat|jira)_api_url$/;
/** Tutti's own. */
const OWN = /^(?:command|workflow)_configs$/;

export function shownText(natural: unknown): string {
  return stringify(redacted(natural, ""), { lineWidth: 0, aliasDuplicateObjects: false });
}

function redacted(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => redacted(item, name));
  if (typeof value !== "object" || value === null) return redactedScalar(value, name);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([member]) => !OWN.test(member))
      .map(([member, inner]) => [
        member,
        redacted(inner, name === "webhook_configs" && member === "url" ? "webhook address" : member),
      ]),
  );
}

function redactedScalar(value: unknown, name: string): unknown {
  if (value === null || value === "" || typeof value === "boolean") return value;
  if (name === "webhook address") return redactedAddress(String(value));
  if (name === "secrets") return REDACTED;
  return SECRET.test(name) && !PUBLIC.test(name) ? REDACTED : value;
}

/** The host is no secret and amtool 0.25 wants an address here; all the rest may be one. */
function redactedAddress(text: string): string {
  const url = URL.parse(text);
  if (url === null || text.includes("{{")) return `http://redacted.invalid/${encodeURIComponent(REDACTED)}`;
  const isBare = url.pathname === "/" && url.search === "" && url.username === "" && url.password === "";
  return isBare ? text : `${url.protocol}//${url.host}/${REDACTED}`;
}
