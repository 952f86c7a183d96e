/** What a declaration means to the balancer's process, and what its process reports means to people: pure. */
import { equal } from "../../../model/equality.ts";
import { parseDuration } from "../../../model/duration.ts";
import { type BalancerSpec, poolOfRoute, poolsOf } from "../../../controller/routes.ts";
import type { Observation, Obstacle } from "../../../provider/provider.ts";
import type {
  CheckConfiguration,
  Configuration,
  ListenerConfiguration,
  PoolConfiguration,
  RateLimitConfiguration,
  RouteConfiguration,
} from "./configuration.ts";
import { headerRuleProblems } from "./header-rules.ts";
import type { BalancerReport } from "./report.ts";

type Route = BalancerSpec["routes"][number];

/** `present`: whose members stay. */
export function configurationOf(
  spec: BalancerSpec,
  listeners: readonly ListenerConfiguration[],
  present: Configuration,
): Configuration {
  return {
    listeners,
    routes: spec.routes.map(routeOf),
    pools: poolsOf(spec).map(({ pool }): PoolConfiguration => {
      const check = checkOf(spec, pool);
      return {
        name: pool,
        algorithm: spec.algorithm,
        retries: spec.retries,
        queueTimeoutMs: parseDuration(spec.queue),
        ...(check === undefined ? {} : { check }),
        members: present.pools.find(({ name }) => name === pool)?.members ?? [],
      };
    }),
  };
}

function routeOf(route: Route): RouteConfiguration {
  const { host, path, stripPrefix, timeout, sticky, rateLimit, headers } = route;
  return {
    ...(host === undefined ? {} : { host }),
    path,
    pool: poolOfRoute(route).pool,
    ...(stripPrefix ? { stripPrefix } : {}),
    timeoutMs: parseDuration(timeout),
    ...(sticky === undefined ? {} : { sticky }),
    ...(rateLimit === undefined ? {} : { rateLimit: rateLimitOf(rateLimit) }),
    ...(headers === undefined ? {} : { headers }),
  };
}

function rateLimitOf({ requests, period, by }: NonNullable<Route["rateLimit"]>): RateLimitConfiguration {
  const [, header] = by.split(":");
  return {
    requests,
    periodMs: parseDuration(period),
    ...(header === undefined ? {} : { header: header.toLowerCase() }),
  };
}

/** Of the first route to the pool that has one. */
function checkOf({ routes }: BalancerSpec, pool: string): CheckConfiguration | undefined {
  const check = routes.find((route) => route.check !== undefined && poolOfRoute(route).pool === pool)?.check;
  if (check === undefined) return undefined;
  const { path, period, timeout, failureThreshold, successThreshold } = check;
  return {
    path,
    periodMs: parseDuration(period),
    timeoutMs: parseDuration(timeout),
    failureThreshold,
    successThreshold,
  };
}

/** Header rules of routes that cannot be in force, as far as they are written out. */
export function ruleObstacles(routes: unknown): readonly Obstacle[] {
  if (!Array.isArray(routes)) return [];
  return (routes as readonly Partial<Route>[]).flatMap((route, index) =>
    (["request", "response"] as const).flatMap((way) => {
      const rules = route.headers?.[way];
      if (rules === undefined) return [];
      return headerRuleProblems(rules).map(({ at, message }) => ({
        code: "HeaderRuleInvalid",
        path: `spec.routes[${index}].headers.${way}.${at}`,
        message: `The header rule '${at}' ${message}.`,
        hint: "Correct the rule, or take it away.",
      }));
    }),
  );
}

/** What is there now. */
/** What the process has in force, as it would be declared. */
function actualOf(
  spec: BalancerSpec,
  { listeners, routes }: Configuration,
): NonNullable<Observation["actual"]> {
  const isAsDeclared = equal(spec.routes.map(routeOf), routes);
  return {
    listeners: listeners.map(({ name, host, port, protocol }) => {
      const isChosen = spec.listeners.some((one) => one.name === name && one.port === undefined);
      return { name, host, protocol, ...(isChosen ? {} : { port }) };
    }),
    ...(isAsDeclared
      ? {}
      : { routes: routes.map(({ host = "*", path, pool }) => `${host}${path} -> ${pool}`) }),
  };
}

export function observation(
  spec: BalancerSpec,
  { listeners, diagnostics }: BalancerReport,
  present: Configuration,
): Observation {
  const first = listeners[0];
  const urls = listeners.flatMap(({ protocol, host, port }) =>
    protocol === "tcp" ? [] : [`${protocol}://${shown(host)}:${port}/`],
  );
  const missing = spec.listeners.length - listeners.length;
  return {
    ready: missing <= 0 && diagnostics.length === 0,
    ...(diagnostics.length > 0 ? { message: diagnostics.map(({ message }) => message).join(" ") } : {}),
    outputs: {
      urls,
      ...(first === undefined
        ? {}
        : {
            host: shown(first.host),
            port: first.port,
            url: first.protocol === "tcp" ? `tcp://${shown(first.host)}:${first.port}` : (urls[0] ?? ""),
          }),
      ports: Object.fromEntries(listeners.map(({ name, port }) => [name, port])),
    },
    actual: actualOf(spec, present),
  };
}

/** An address that listens everywhere is reached here by the loopback address. */
function shown(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}
