/**
 * What of HAProxy's configuration clients meet: a frontend for each listener, which finds the route and its backend; and
 * the bridge, over which a worker that is about to end passes on what still comes to it (configuration.ts, C4).
 */
import { parseDuration } from "../../model/duration.ts";
import type { BalancerSpec } from "../../controller/routes.ts";
import { beganRule, countRules } from "./counts.ts";
import type { NamedRoute, PlannedListener } from "./configuration.ts";
import { type Backend, FILES, backendOf, frontendOf } from "./layout.ts";
import { literal, word } from "./text.ts";
import { LEARN_ACTION, WAIT_ACTION } from "./wait.ts";

/** HAProxy's longest. */
const FOREVER = "24d";

interface Surroundings {
  readonly spec: BalancerSpec;
  readonly routes: readonly NamedRoute[];
  /** Of the frame's files. */
  readonly folder: string;
}

export function frontend(listener: PlannedListener, around: Surroundings): string {
  const own = listener.protocol === "tcp" ? tcpFrontend(listener, around) : httpFrontend(listener, around);
  return `${bridge(listener)}\n${own}`;
}

function bindLine({ host, port, protocol, http2, name }: PlannedListener, folder: string): string {
  const at = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const tls =
    protocol === "https"
      ? ` ssl crt-list ${folder}/${name}.certificates alpn ${http2 ? "h2,http/1.1" : "http/1.1"}`
      : "";
  return `  bind ${at}${tls}`;
}

/** The way to the worker that follows; the client's address goes along. */
function bridge({ name, protocol }: PlannedListener): string {
  return `backend bridge.${name}
  mode ${protocol === "tcp" ? "tcp" : "http"}
  timeout server ${FOREVER}
  server next unix@${name}.bridge.sock send-proxy-v2
`;
}

function bridgeBind({ name }: PlannedListener): string {
  return `  bind unix@${name}.bridge.sock mode 600 accept-proxy`;
}

function waitFor(backend: Backend, spec: BalancerSpec): string {
  return `lua.${WAIT_ACTION} ${backend.name} ${parseDuration(spec.queue)} if { nbsrv(${backend.name}) eq 0 }`;
}

function tcpFrontend(listener: PlannedListener, { spec }: Surroundings): string {
  const backend = backendOf("tcp", listener.pool ?? "");
  return `frontend ${frontendOf(listener.name)}
  mode tcp
${bindLine(listener, "")}
${bridgeBind(listener)}
  tcp-request inspect-delay ${parseDuration(spec.queue) + 1000}ms
  tcp-request content ${waitFor(backend, spec)}
  use_backend bridge.${listener.name} if { stopping }
  default_backend ${backend.name}
`;
}

function httpFrontend(listener: PlannedListener, { spec, routes, folder }: Surroundings): string {
  const wildcards = [
    ...new Set(routes.flatMap(({ route }) => (route.host?.startsWith("*.") === true ? [route.host] : []))),
  ].sort((a, b) => b.length - a.length);
  const challenge = `path,field(4,/),map_str(${FILES.challenges})`;
  const lookUp = (host: string, condition: string): string =>
    `  http-request set-var(txn.route) ${host},concat(,txn.path,/),map_beg(${folder}/routes.map)${condition}`;
  return [
    `frontend ${frontendOf(listener.name)}`,
    "  mode http",
    bindLine(listener, folder),
    bridgeBind(listener),
    // After a reload, connections that are open get one more answer, which says that it is the last.
    "  option idle-close-on-response",
    beganRule,
    ...(listener.protocol === "http"
      ? [
          `  http-request return status 200 content-type text/plain lf-string ${word(`%[${challenge}]`)} if METH_GET !{ stopping } { path_beg /.well-known/acme-challenge/ } { ${challenge} -m found }`,
        ]
      : []),
    `  http-request deny deny_status 400 if { req.hdrs -m reg ${word("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]")} }`,
    // As the member would read it: `/public/../admin` is a path of `/admin`. (2.6 overlooks the condition of a
    // normalizer that could have an argument and has none.)
    "  http-request normalize-uri percent-decode-unreserved strict if { path -m sub -i %2e }",
    "  http-request normalize-uri path-strip-dot if { path -m sub /. }",
    "  http-request normalize-uri path-strip-dotdot full if { path -m sub /. }",
    "  http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)",
    "  http-request set-var(txn.path) path",
    "  http-request deny deny_status 400 if { req.fhdr_cnt(host) gt 1 } or { var(txn.host) -m sub / }",
    // The host's own routes, then wildcards, then those for every host.
    lookUp("var(txn.host)", ""),
    ...wildcards.map((host) =>
      lookUp(
        `str(${host.toLowerCase()})`,
        ` if !{ var(txn.route) -m found } { var(txn.host) -m end ${host.slice(1).toLowerCase()} }`,
      ),
    ),
    lookUp("str(*)", " if !{ var(txn.route) -m found }"),
    `  http-request return status 404 content-type text/plain string ${literal("There is no route for this request.")} if !{ var(txn.route) -m found } !{ stopping }`,
    "  http-request del-header Forwarded",
    "  http-request del-header Proxy-Connection",
    "  http-request del-header Proxy-Authorization",
    "  http-request del-header X-Forwarded- -m beg",
    "  http-request set-header X-Forwarded-For %[src]",
    `  http-request set-header X-Forwarded-Proto ${listener.protocol}`,
    "  http-request set-header X-Forwarded-Host %[req.hdr(host)]",
    "  http-request set-header X-Request-Id %[uuid] unless { req.hdr(x-request-id) -m found }",
    ...(listener.protocol === "https" ? ["  http-request set-var(txn.tls) bool(true)"] : []),
    ...pools(routes).map(
      ([pool, names]) =>
        `  http-request ${waitFor(backendOf("http", pool), spec)} { var(txn.route) -m str ${names.join(" ")} }`,
    ),
    ...learn(routes),
    ...countRules,
    `  use_backend bridge.${listener.name} if { stopping }`,
    `  use_backend %[var(txn.route),map_str(${folder}/pools.map)]`,
    "",
  ].join("\n");
}

function pools(routes: readonly NamedRoute[]): readonly (readonly [string, readonly string[]])[] {
  const found = new Map<string, string[]>();
  for (const { name, pool } of routes) found.set(pool, [...(found.get(pool) ?? []), name]);
  return [...found];
}

/** Routes that tell clients apart by a table hold their requests until it has come over. */
function learn(routes: readonly NamedRoute[]): readonly string[] {
  const names = routes.flatMap(({ name, route }) =>
    route.rateLimit !== undefined || route.sticky?.by === "address" ? [name] : [],
  );
  if (names.length === 0) return [];
  return [
    `  http-request lua.${LEARN_ACTION} if { var(txn.route) -m str ${names.join(" ")} } !{ str(yes),map_str(${FILES.learnt}) -m found } !{ stopping }`,
  ];
}
