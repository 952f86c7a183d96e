/**
 * Turns unknown input into a configuration, or into diagnostics that name the place.
 *
 * Written by hand because the process is started on the critical path of `up`: a schema library costs more than
 * the whole of its start.
 */
import { isIP } from "node:net";
import type {
  BalancerDiagnostic,
  Challenges,
  Configuration,
  ListenerConfiguration,
  MemberConfiguration,
  PoolConfiguration,
  RouteConfiguration,
} from "./configuration.ts";
import { headerRuleProblems, TOKEN } from "./header-rules.ts";

export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: readonly BalancerDiagnostic[] };

type Check = (value: unknown, at: string, report: Report) => void;
type Report = (address: string, message: string, hint?: string) => void;
type Fields = Readonly<Record<string, readonly [Check, "required" | "optional"]>>;
type Loose = Record<string, unknown>;

const NAME = /^(\*\.)?[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*$/i;
const LONGEST_MS = 2 ** 31 - 1;

function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const text: Check = (value, at, report) => {
  if (typeof value !== "string" || value === "" || value.length > 1024)
    report(at, "must be a string of 1 to 1024 characters");
};
const flag: Check = (value, at, report) => {
  if (typeof value !== "boolean") report(at, "must be true or false");
};
const whole =
  (least: number, most: number): Check =>
  (value, at, report) => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      report(at, `must be a whole number from ${least} to ${most}`);
  };
const among =
  (...allowed: readonly unknown[]): Check =>
  (value, at, report) => {
    if (!allowed.includes(value)) report(at, `must be one of ${allowed.join(", ")}`);
  };
const weight: Check = (value, at, report) => {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0 || value > 1e6)
    report(at, "must be a number from 0 to 1000000");
};
const hostPattern: Check = (value, at, report) => {
  if (typeof value === "string" && (NAME.test(value) || isIP(value.replace(/^\[|\]$/g, "")) !== 0)) return;
  report(at, "must be a host name or a name like *.example.org", "leave it out to match every host");
};
const path: Check = (value, at, report) => {
  // eslint-disable-next-line no-control-regex
  if (typeof value !== "string" || !/^\/[^\s?#\x00-\x1f\x7f]*$/.test(value))
    report(at, "must be a path that begins with / and has no query");
};
const target: Check = (value, at, report) => {
  if (typeof value !== "string" || !/^\/[\x21\x22\x24-\x7e]*$/.test(value))
    report(at, "must be a path that begins with / and has neither blanks nor a fragment");
};
const list =
  (item: Check): Check =>
  (value, at, report) => {
    if (!Array.isArray(value)) return report(at, "must be a list");
    value.forEach((one, index) => item(one, `${at}[${index}]`, report));
  };
const record =
  (fields: Fields): Check =>
  (value, at, report) => {
    if (!isObject(value)) return report(at, "must be an object");
    for (const key of Object.keys(value))
      if (!Object.hasOwn(fields, key))
        report(`${at}.${key}`, "is not a known field", `known: ${Object.keys(fields).join(", ")}`);
    for (const [key, [check, presence]] of Object.entries(fields)) {
      const one = value[key];
      if (one !== undefined) check(one, `${at}.${key}`, report);
      else if (presence === "required") report(`${at}.${key}`, "is missing");
    }
  };
const cookieName: Check = (value, at, report) => {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{1,256}$/.test(value))
    report(at, "must be a name of letters, digits, _ and -");
};
const headerName: Check = (value, at, report) => {
  if (typeof value !== "string" || !TOKEN.test(value))
    return report(at, "must be the name of a header field");
};
const headerRules: Check = (value, at, report) => {
  for (const problem of headerRuleProblems(value)) report(`${at}.${problem.at}`, problem.message);
};

const certificate = record({
  hosts: [list(hostPattern), "required"],
  certFile: [text, "required"],
  keyFile: [text, "required"],
});
const listener = record({
  name: [text, "required"],
  host: [text, "required"],
  port: [whole(0, 65535), "required"],
  protocol: [among("http", "https", "tcp"), "required"],
  http2: [flag, "optional"],
  certificates: [list(certificate), "optional"],
  pool: [text, "optional"],
  maxConnections: [whole(1, 1_000_000), "optional"],
  headersTimeoutMs: [whole(1, LONGEST_MS), "optional"],
  trustForwarded: [flag, "optional"],
});
const redirect = record({
  scheme: [among("http", "https"), "optional"],
  host: [hostPattern, "optional"],
  port: [whole(1, 65535), "optional"],
  path: [path, "optional"],
  status: [among(301, 302, 303, 307, 308), "optional"],
});
const sticky = record({ by: [among("cookie", "address"), "required"], cookie: [cookieName, "required"] });
const rateLimit = record({
  requests: [whole(1, LONGEST_MS), "required"],
  periodMs: [whole(1, LONGEST_MS), "required"],
  header: [headerName, "optional"],
});
const check = record({
  path: [target, "required"],
  periodMs: [whole(1, LONGEST_MS), "required"],
  timeoutMs: [whole(1, LONGEST_MS), "required"],
  failureThreshold: [whole(1, 1_000_000), "required"],
  successThreshold: [whole(1, 1_000_000), "required"],
});
const route = record({
  name: [text, "optional"],
  host: [hostPattern, "optional"],
  path: [path, "optional"],
  listeners: [list(text), "optional"],
  pool: [text, "optional"],
  redirect: [redirect, "optional"],
  stripPrefix: [flag, "optional"],
  headers: [record({ request: [headerRules, "optional"], response: [headerRules, "optional"] }), "optional"],
  sticky: [sticky, "optional"],
  rateLimit: [rateLimit, "optional"],
  timeoutMs: [whole(1, LONGEST_MS), "optional"],
});
const member = record({
  id: [text, "required"],
  host: [text, "required"],
  port: [whole(1, 65535), "required"],
  state: [among("ready", "draining"), "required"],
  weight: [weight, "optional"],
});
const pool = record({
  name: [text, "required"],
  algorithm: [among("least-connections", "round-robin"), "optional"],
  members: [list(member), "required"],
  retries: [whole(0, 100), "optional"],
  connectTimeoutMs: [whole(1, LONGEST_MS), "optional"],
  requestTimeoutMs: [whole(1, LONGEST_MS), "optional"],
  queueTimeoutMs: [whole(0, LONGEST_MS), "optional"],
  check: [check, "optional"],
});
const configuration = record({
  listeners: [list(listener), "required"],
  routes: [list(route), "required"],
  pools: [list(pool), "required"],
});

function unique(items: readonly string[], at: (index: number) => string, report: Report): void {
  const first = new Map<string, number>();
  items.forEach((item, index) => {
    const earlier = first.get(item);
    if (earlier === undefined) first.set(item, index);
    else report(at(index), `repeats ${at(earlier)} (${item})`);
  });
}

function checkListener(
  one: ListenerConfiguration,
  at: string,
  pools: ReadonlySet<string>,
  report: Report,
): void {
  if (one.protocol === "https" && (one.certificates ?? []).length === 0)
    report(`${at}.certificates`, "an https listener needs a certificate");
  if (one.protocol !== "https" && one.certificates !== undefined)
    report(`${at}.certificates`, `has no meaning for ${one.protocol}`);
  if (one.protocol === "tcp" && one.pool === undefined) report(`${at}.pool`, "a tcp listener needs a pool");
  if (one.protocol !== "tcp" && one.pool !== undefined)
    report(`${at}.pool`, `has no meaning for ${one.protocol}`, "use a route");
  if (one.pool !== undefined && !pools.has(one.pool)) report(`${at}.pool`, `there is no pool ${one.pool}`);
}

function checkRoute(
  one: RouteConfiguration,
  at: string,
  pools: ReadonlySet<string>,
  listeners: ReadonlySet<string>,
  report: Report,
): void {
  if ((one.pool === undefined) === (one.redirect === undefined))
    report(at, "needs exactly one of pool and redirect");
  if (one.pool !== undefined && !pools.has(one.pool)) report(`${at}.pool`, `there is no pool ${one.pool}`);
  (one.listeners ?? []).forEach((name, index) => {
    if (!listeners.has(name)) report(`${at}.listeners[${index}]`, `there is no listener ${name}`);
  });
}

function checkReferences(value: Configuration, report: Report): void {
  const pools = new Set(value.pools.map((one) => one.name));
  const listeners = new Set(value.listeners.map((one) => one.name));
  unique(
    value.listeners.map((one) => one.name),
    (index) => `listeners[${index}].name`,
    report,
  );
  unique(
    // Port 0 asks for any free port, so it never collides.
    value.listeners.map((one, index) => (one.port === 0 ? `any ${index}` : `${one.host}:${one.port}`)),
    (index) => `listeners[${index}].port`,
    report,
  );
  unique(
    value.pools.map((one) => one.name),
    (index) => `pools[${index}].name`,
    report,
  );
  value.pools.forEach((one, index) => checkMembers(one.members, `pools[${index}].members`, report));
  value.listeners.forEach((one, index) => checkListener(one, `listeners[${index}]`, pools, report));
  value.routes.forEach((one, index) => checkRoute(one, `routes[${index}]`, pools, listeners, report));
}

function checkMembers(members: PoolConfiguration["members"], at: string, report: Report): void {
  unique(
    members.map((one) => one.id),
    (index) => `${at}[${index}].id`,
    report,
  );
}

const MOST_DIAGNOSTICS = 100;

function collect<T>(check: (report: Report) => void, value: unknown): Validated<T> {
  const diagnostics: BalancerDiagnostic[] = [];
  check((address, message, hint) => {
    if (diagnostics.length >= MOST_DIAGNOSTICS) return;
    diagnostics.push({
      code: "InvalidConfiguration",
      address,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  });
  return diagnostics.length === 0 ? { ok: true, value: value as T } : { ok: false, diagnostics };
}

/** Checks a whole configuration: shape, ranges, references and duplicates. Never throws. */
export function validateConfiguration(input: unknown): Validated<Configuration> {
  const shape = collect<Configuration>(
    (report) => configuration(input, "config", (at, ...rest) => report(at.replace(/^config\./, ""), ...rest)),
    input,
  );
  return shape.ok
    ? collect<Configuration>((report) => checkReferences(shape.value, report), shape.value)
    : shape;
}

/** Checks the members of one pool. Never throws. */
export function validateMembers(input: unknown): Validated<readonly MemberConfiguration[]> {
  const shape = collect<readonly MemberConfiguration[]>(
    (report) => list(member)(input, "members", report),
    input,
  );
  return shape.ok ? collect((report) => checkMembers(shape.value, "members", report), shape.value) : shape;
}

/** Checks challenges: tokens are base64url, values printable. Never throws. */
export function validateChallenges(input: unknown): Validated<Challenges> {
  return collect<Challenges>((report) => {
    if (!isObject(input)) return report("challenges", "must be an object of values by token");
    for (const [token, value] of Object.entries(input)) {
      if (!/^[\w-]{1,256}$/.test(token)) report("challenges", "has a token that is not base64url");
      if (typeof value !== "string" || !/^[\x21-\x7e]{1,1024}$/.test(value))
        report(`challenges.${token}`, "must be 1 to 1024 printable characters");
    }
  }, input);
}
