/** What one route adds to the backend of its pool, in the order in which HAProxy applies it. */
import { parseDuration } from "../../model/duration.ts";
import type { NamedRoute } from "./configuration.ts";
import { FILES } from "./layout.ts";
import { checkHeader, literal, pattern, word } from "./text.ts";

export function routeRules(named: NamedRoute): readonly string[] {
  const only = `{ var(txn.route) -m str ${named.name} }`;
  return [
    `  http-request set-timeout server ${parseDuration(named.route.timeout)}ms if ${only}`,
    ...limit(named, only),
    ...strip(named, only),
    ...headers(named, "request", only),
    ...seat(named, only),
    ...headers(named, "response", only),
  ].map((line) => line.trimEnd());
}

/** Counts what is let through, so that who asks too often gets the share that is its own. */
function limit({ name, route }: NamedRoute, only: string): readonly string[] {
  if (route.rateLimit === undefined) return [];
  const { by, requests, period } = route.rateLimit;
  const header = /^header:(.+)$/.exec(by)?.[1];
  const seconds = Math.max(1, Math.ceil(parseDuration(period) / 1000));
  return [
    ...(header === undefined ? [] : [`  http-request set-var(txn.client) req.hdr(${header}) if ${only}`]),
    `  http-request set-var(txn.client) src if ${only} !{ var(txn.client) -m found }`,
    `  http-request track-sc0 var(txn.client) table limit.${name} if ${only}`,
    `  http-request return status 429 content-type text/plain string ${literal("Too many requests.")} hdr Retry-After ${seconds} if ${only} { sc0_gpc0_rate(limit.${name}) ge ${requests} }`,
    `  http-request sc-inc-gpc0(0) if ${only}`,
  ];
}

function strip({ route }: NamedRoute, only: string): readonly string[] {
  const prefix = route.path.replace(/\/+$/, "");
  if (!route.stripPrefix || prefix === "") return [];
  return [`  http-request replace-path ${word(`^${pattern(prefix)}/*(.*)$`)} ${word("/\\1")} if ${only}`];
}

function headers({ index, route }: NamedRoute, way: "request" | "response", only: string): readonly string[] {
  const rules = route.headers?.[way];
  if (rules === undefined) return [];
  const path = `spec.routes[${index}].headers.${way}`;
  const given = (verb: "set" | "add"): readonly string[] =>
    Object.entries(rules[verb]).map(([name, value]) => {
      checkHeader(`${path}.${verb}`, name, value);
      return `  http-${way} ${verb}-header ${name} ${literal(value)} if ${only}`;
    });
  return [
    ...rules.remove.map((name) => {
      checkHeader(`${path}.remove`, name, "");
      return `  http-${way} del-header ${name} if ${only}`;
    }),
    ...given("set"),
    ...given("add"),
  ];
}

/**
 * Stickiness. What a cookie shows is looked up among the servers that are ready (`seats`), so that a client whose server
 * is not is given another; a table would be lost in a crash.
 */
function seat({ route }: NamedRoute, only: string): readonly string[] {
  if (route.sticky === undefined) return [];
  if (route.sticky.by === "address") return [`  stick on src if ${only}`];
  const { cookie } = route.sticky;
  const value = `${cookie}=%[srv_name,field(-1,.)]; Path=${route.path.replaceAll("%", "%%")}; HttpOnly; SameSite=Lax`;
  const isNew = `${only} { srv_name -m found } !{ srv_name,strcmp(txn.seat) eq 0 }`;
  return [
    `  http-request set-var(txn.seat) req.cook(${cookie}),map_str(${FILES.seats}) if ${only}`,
    `  use-server %[var(txn.seat)] if ${only} { var(txn.seat) -m found }`,
    `  http-response add-header Set-Cookie ${word(value)} if ${isNew} !{ var(txn.tls) -m found }`,
    `  http-response add-header Set-Cookie ${word(`${value}; Secure`)} if ${isNew} { var(txn.tls) -m found }`,
  ];
}
