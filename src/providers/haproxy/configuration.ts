/**
 * HAProxy's configuration, from a declaration: pure.
 *
 *   frontend (one a listener) --host and path: routes.map--> txn.route --pools.map--> backend (one a pool) --> servers
 *
 *  C1 The frame is everything but the servers; its digest is the description that a worker tells of itself. Two equal
 *     frames need no reload, whatever the members, certificates and challenges are.
 *  C2 Servers stand in the file as they are at run time, so that a worker that starts has them before its first request.
 *  C3 Rules of one route stand in the backend of its pool and apply where `txn.route` is that route.
 *  C4 A worker that is about to end, after a reload, sends nothing new to servers, for it cannot be told of them any more:
 *     what comes over connections that are open still goes to the worker that followed, over the listener's bridge.
 */
import { parseDuration } from "../../model/duration.ts";
import { type BalancerSpec, poolOfRoute } from "../../controller/routes.ts";
import type { Member } from "../../provider/provider.ts";
import { countTables } from "./counts.ts";
import { frontend } from "./frontends.ts";
import { waitScript } from "./wait.ts";
import { type Backend, FILES, backendOf, digest, serverName } from "./layout.ts";
import { routeRules } from "./rules.ts";
import { checkKey, word } from "./text.ts";

type Route = BalancerSpec["routes"][number];

export interface PlannedListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: "http" | "https" | "tcp";
  readonly http2: boolean;
  /** Of tcp. */
  readonly pool?: string;
  /** Of https: the files, the first for whoever names no server. */
  readonly certificates?: readonly string[];
}

export interface NamedRoute {
  readonly name: string;
  readonly index: number;
  readonly route: Route;
  readonly pool: string;
}

/** What of the configuration takes a reload to change. */
export interface Frame {
  readonly digest: string;
  readonly backends: readonly Backend[];
  /** By path; written before the configuration is, and never changed: the folder is the digest's. */
  readonly files: ReadonlyMap<string, string>;
  readonly folder: string;
  /** With the servers of each backend. */
  readonly text: (serversOf: (backend: Backend) => readonly Server[]) => string;
}

export interface Server {
  readonly name: string;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  readonly state: Member["state"];
}

/** HAProxy's longest. */
const FOREVER = "24d";
const CONNECT = "5s";
const IDLE = "60s";

export function frameOf(spec: BalancerSpec, listeners: readonly PlannedListener[]): Frame {
  const routes = namedRoutes(spec);
  const backends = backendsOf(routes, listeners);
  // The maps' paths hold the digest, so it is taken of a text without them.
  const render = (folder: string): Rendered => rendered(spec, listeners, routes, backends, folder);
  const sum = digest(JSON.stringify([render("").parts, [...render("").files]])).slice(0, 16);
  const folder = `frame-${sum}`;
  const { parts, files } = render(folder);
  return {
    digest: sum,
    backends,
    files,
    folder,
    text: (serversOf) =>
      [
        globalSection(sum, folder),
        ...parts.flatMap(({ text, backend, serverSettings }) => [
          text,
          ...(backend === undefined
            ? []
            : serversOf(backend).map((server) => `  server ${serverLine(server, serverSettings)}`)),
        ]),
        "",
      ].join("\n"),
  };
}

/**
 * A server that comes at run time keeps no idle connection unless it is told both: every request would make a new one (a third
 * of the requests per second).
 */
const KEEPS_CONNECTIONS = "pool-max-conn -1 pool-purge-delay 2s";

/** Of a server: after `server` in a file, after `add server <backend>/` at run time. */
export function serverLine({ name, address, port, state }: Server, settings: string): string {
  const at = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return [name, at, KEEPS_CONNECTIONS, settings, state === "draining" ? "disabled" : ""]
    .filter((part) => part !== "")
    .join(" ");
}

export function serverOf(member: Member, address: string): Server {
  return { name: serverName(member), address, port: member.port, state: member.state };
}

/** What the checks of a pool add to each of its servers: those of the first route to it that has some. */
export function checkSettings(spec: BalancerSpec, { mode, pool }: Backend): string {
  const check = mode === "http" ? checkOf(spec, pool) : undefined;
  return check === undefined
    ? ""
    : `check inter ${parseDuration(check.period)}ms fall ${check.failureThreshold} rise ${check.successThreshold}`;
}

function checkOf(spec: BalancerSpec, pool: string): Route["check"] {
  return spec.routes.find((route) => poolOfRoute(route).pool === pool && route.check !== undefined)?.check;
}

export function namedRoutes(spec: BalancerSpec): readonly NamedRoute[] {
  return spec.routes.map((route, index) => {
    checkKey(`spec.routes[${index}].path`, route.path);
    checkKey(`spec.routes[${index}].host`, route.host ?? "");
    return { name: `r${index}`, index, route, pool: poolOfRoute(route).pool };
  });
}

function backendsOf(
  routes: readonly NamedRoute[],
  listeners: readonly PlannedListener[],
): readonly Backend[] {
  const all = [
    ...routes.map(({ pool }) => backendOf("http", pool)),
    ...listeners.flatMap(({ pool }) => (pool === undefined ? [] : [backendOf("tcp", pool)])),
  ];
  return [...new Map(all.map((backend) => [backend.name, backend])).values()];
}

interface Part {
  readonly text: string;
  readonly backend?: Backend;
  readonly serverSettings: string;
}

interface Rendered {
  readonly parts: readonly Part[];
  readonly files: ReadonlyMap<string, string>;
}

function rendered(
  spec: BalancerSpec,
  listeners: readonly PlannedListener[],
  routes: readonly NamedRoute[],
  backends: readonly Backend[],
  folder: string,
): Rendered {
  const files = new Map([
    [`${folder}/wait.lua`, waitScript],
    [`${folder}/routes.map`, routesMap(routes)],
    [`${folder}/pools.map`, lines(routes.map(({ name, pool }) => `${name} ${backendOf("http", pool).name}`))],
    ...listeners.flatMap(({ name, certificates }): (readonly [string, string])[] =>
      certificates === undefined ? [] : [[`${folder}/${name}.certificates`, lines(certificates)]],
    ),
  ]);
  const sections = [
    defaults(spec),
    countTables,
    ...listeners.map((one) => frontend(one, { spec, routes, folder })),
  ].map((text): Part => ({ text, serverSettings: "" }));
  const pools = backends.map((backend): Part => ({
    text: backendSection(spec, backend, routes),
    backend,
    serverSettings: checkSettings(spec, backend),
  }));
  return { parts: [...sections, ...routes.flatMap(limitTable), ...pools], files };
}

function globalSection(sum: string, folder: string): string {
  return `# Written by Tutti; what is changed here by hand is lost.
global
  description ${sum}
  # A port that somebody else has is refused; listeners are handed over in a reload.
  noreuseport
  lua-load ${folder}/wait.lua
  server-state-file ${FILES.servers}
  ssl-default-bind-options ssl-min-ver TLSv1.2
  # normalize-uri
  expose-experimental-directives
`;
}

function defaults(spec: BalancerSpec): string {
  return `defaults
  load-server-state-from-file global
  timeout connect ${CONNECT}
  timeout client ${IDLE}
  timeout server ${IDLE}
  timeout queue ${parseDuration(spec.queue)}ms
  timeout http-request 30s
  timeout http-keep-alive ${IDLE}
  timeout tunnel ${FOREVER}
  retries ${spec.retries}
  option redispatch 1
  option clitcpka
  option srvtcpka
`;
}

/** Whole segments match, since both the keys and what is looked up end in a slash. */
function routesMap(routes: readonly NamedRoute[]): string {
  const keys = new Map<string, string>();
  for (const { name, route } of routes) {
    const key = `${route.host?.toLowerCase() ?? "*"}${route.path.replace(/\/+$/, "")}/`;
    if (!keys.has(key)) keys.set(key, name);
  }
  return lines([...keys].map(([key, name]) => `${key} ${name}`));
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}

/** What each client of a route has used; a backend that is nothing but a table. */
function limitTable({ name, route }: NamedRoute): readonly Part[] {
  if (route.rateLimit === undefined) return [];
  const period = parseDuration(route.rateLimit.period);
  return [
    {
      serverSettings: "",
      text: `backend limit.${name}
  stick-table type string len 256 size 100k expire ${2 * period}ms store gpc0_rate(${period}ms)
`,
    },
  ];
}

function backendSection(spec: BalancerSpec, backend: Backend, routes: readonly NamedRoute[]): string {
  const own = routes.filter(({ pool }) => pool === backend.pool);
  return [
    `backend ${backend.name}`,
    `  mode ${backend.mode}`,
    `  balance ${spec.algorithm === "round-robin" ? "roundrobin" : "leastconn"}`,
    ...(backend.mode === "tcp" ? [] : httpRules(spec, backend, own)),
  ].join("\n");
}

function httpRules(spec: BalancerSpec, backend: Backend, routes: readonly NamedRoute[]): readonly string[] {
  const check = checkOf(spec, backend.pool);
  const isSticky = routes.some(({ route }) => route.sticky?.by === "address");
  return [
    ...(check === undefined
      ? []
      : [
          "  option httpchk",
          `  http-check send meth GET uri ${word(check.path)} ver HTTP/1.1 hdr Host ${word(backend.pool.replace(/:.*$/, ""))} hdr Connection close`,
          "  http-check expect status 200-399",
          `  timeout check ${parseDuration(check.timeout)}ms`,
        ]),
    ...(isSticky ? ["  stick-table type ipv6 size 100k expire 1h"] : []),
    // What was certainly not sent is tried again in any case; what may have been acted on, only where it does no harm.
    "  retry-on conn-failure empty-response",
    "  http-request disable-l7-retry unless { method GET HEAD OPTIONS TRACE PUT DELETE PROPFIND REPORT SEARCH QUERY }",
    ...routes.flatMap((route) => routeRules(route)),
  ];
}
