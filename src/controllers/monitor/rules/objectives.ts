/** Which objectives there are: one of availability for each route of a LoadBalancer, and what Monitors declare. */
import { parseDuration } from "../../../model/duration.ts";
import { type BalancerSpec, poolOfRoute } from "../../../controller/routes.ts";
import { TARGET_LABELS } from "../../../provider/monitoring.ts";
import type { MonitorSpec, Subject } from "../subject.ts";
import { literally, selector } from "./promql.ts";
import { GOOD_THEN_BAD, type Objective } from "./slo.ts";

type Declared = MonitorSpec["slos"][number];

/** As balancers call a route in their measurements. */
export function routeName({
  host,
  path,
}: {
  readonly host?: string | undefined;
  readonly path: string;
}): string {
  return `${host ?? "*"}${path}`;
}

export function routeObjectives(subject: Subject): readonly Objective[] {
  const { objective } = subject.tuning;
  if (objective === null) return [];
  const { routes } = subject.resource.spec as BalancerSpec;
  const named = new Map(routes.map((route) => [routeName(route), route]));
  return [...named].map(([name, route]) => {
    const labels = {
      [TARGET_LABELS.namespace]: subject.namespace,
      [TARGET_LABELS.resource]: subject.address,
      // What balancers call it: the words before the port.
      service: poolOfRoute(route).pool.split(":")[0] ?? "",
    };
    return availability(nameOf(subject.name, name), objective, "30d", {
      // Balancers that do not count by route count by service.
      select: `${selector(labels)},route=~${JSON.stringify(`|${literally(name)}`)}`,
      example: selector({ ...labels, route: name }),
    });
  });
}

// `front-api` for the route `/api` of every host of the balancer front.
function nameOf(balancer: string, route: string): string {
  const words = route
    .replace(/^\*/, "")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return words === "" ? `${balancer}-all` : `${balancer}-${words}`;
}

interface Selected {
  readonly select: string;
  /** Labels of one series that it selects. */
  readonly example: string;
}

const REQUESTS = "tutti_balancer_requests_total";
const DURATION = "tutti_balancer_request_duration_seconds";

function availability(
  name: string,
  objective: number,
  window: string,
  { select, example }: Selected,
): Objective {
  return {
    name,
    objective,
    window,
    errors: (range) => `sum(rate(${REQUESTS}{${select},code="5xx"}[${range}]))`,
    total: (range) => `sum(rate(${REQUESTS}{${select}}[${range}]))`,
    test: {
      [`${REQUESTS}{${example},code="2xx"}`]: GOOD_THEN_BAD.good,
      [`${REQUESTS}{${example},code="5xx"}`]: GOOD_THEN_BAD.bad,
    },
  };
}

function latency(
  { name, objective, window }: Declared,
  threshold: string,
  { select, example }: Selected,
): Objective {
  const bound = String(parseDuration(threshold) / 1000);
  const fast = `${DURATION}_bucket{${select},le=${JSON.stringify(bound)}}`;
  const all = `${DURATION}_count{${select}}`;
  return {
    name,
    objective,
    window,
    errors: (range) => `(sum(rate(${all}[${range}])) - sum(rate(${fast}[${range}])))`,
    total: (range) => `sum(rate(${all}[${range}]))`,
    test: {
      [`${DURATION}_bucket{${example},le=${JSON.stringify(bound)}}`]: GOOD_THEN_BAD.good,
      [`${DURATION}_count{${example}}`]: GOOD_THEN_BAD.total,
    },
  };
}

/** The objectives that a Monitor declares. Of counters that the application names, no test can be made up. */
export function declaredObjectives(namespace: string, { slos }: MonitorSpec): readonly Objective[] {
  return slos.map((slo) => {
    const { indicator } = slo;
    if (indicator.ratio !== undefined) return ratio(slo, indicator.ratio);
    const selected = selectedBy(namespace, slo);
    const objective =
      indicator.latency === undefined
        ? availability(slo.name, slo.objective, slo.window, selected)
        : latency(slo, indicator.latency.threshold, selected);
    const about = slo.service === undefined ? `loadBalancer/${slo.balancer ?? ""}` : `service/${slo.service}`;
    return { ...objective, about };
  });
}

function ratio(
  { name, objective, window }: Declared,
  { errors, total }: { readonly errors: string; readonly total: string },
): Objective {
  return {
    name,
    objective,
    window,
    errors: (range) => `sum(rate(${errors}[${range}]))`,
    total: (range) => `sum(rate(${total}[${range}]))`,
    test: {},
  };
}

function selectedBy(namespace: string, { service, balancer, route }: Declared): Selected {
  const labels = {
    [TARGET_LABELS.namespace]: namespace,
    ...(balancer === undefined ? {} : { [TARGET_LABELS.resource]: `loadBalancer/${balancer}` }),
    ...(service === undefined ? {} : { service }),
    ...(route === undefined ? {} : { route: route.startsWith("/") ? `*${route}` : route }),
  };
  return { select: selector(labels), example: selector(labels) };
}
