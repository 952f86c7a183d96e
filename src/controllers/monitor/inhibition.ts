/**
 * Which alerts are not told because a greater one explains them, as Alertmanager's inhibit_rules.
 *
 * How the graph is written: one rule for each resource that something depends on. Its source is an outage of that
 * resource (label tutti_impact), its target a regular expression over the addresses of all that depends on it, directly
 * or not. A label on each alert that names what it depends on, compared by `equal`, would need no list, but a label holds
 * one value and a resource depends on many; a rule for each edge would be as many rules as edges, and need chains of
 * inhibited alerts to reach further than one step. This way the number of rules is the number of things depended on.
 *
 * Invariant: no two alerts inhibit each other, for then nobody would be told of either. Strong edges have no cycle
 * (admission); a weak edge (a route to a service) counts unless it would close one.
 */
import { edgesOf } from "../../kinds/edges.ts";
import { type Draft, type Resource, addressOf } from "../../model/resource.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import { IMPACT } from "./rules/alert.ts";
import { literally } from "./rules/promql.ts";

export interface InhibitRule {
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal?: readonly string[];
}

const { namespace: NAMESPACE, location: LOCATION, resource: RESOURCE } = TARGET_LABELS;
const OUTAGE = `${IMPACT}="outage"`;

/** The ones that hold whatever is deployed. */
const GENERAL: readonly InhibitRule[] = [
  // The same trouble, only worse.
  {
    source_matchers: ['severity="critical"'],
    target_matchers: ['severity="warning"'],
    equal: ["alertname", NAMESPACE, RESOURCE, "instance", "slo"],
  },
  // What is down is also slow, not ready, and not to be measured.
  {
    source_matchers: [OUTAGE],
    target_matchers: [`${IMPACT}!="outage"`, `${RESOURCE}!=""`],
    equal: [NAMESPACE, RESOURCE],
  },
  // What is at a place that is not reached.
  {
    source_matchers: ['alertname="LocationUnreachable"'],
    target_matchers: ['alertname!="LocationUnreachable"', `${LOCATION}!=""`],
    equal: [LOCATION],
  },
  // Who does not see anything cannot say what is down.
  {
    source_matchers: ['alertname="ControlPlaneDown"'],
    target_matchers: [`alertname=~"TargetDown|TargetVanished|ScrapesFailing"`],
  },
];

/** Whose edges say what needs what to work. A record or a Monitor names others without needing them for that. */
const WORKING: ReadonlySet<string> = new Set([
  "DNSRecord",
  "DNSZone",
  "Database",
  "LoadBalancer",
  "Machine",
  "Network",
  "Service",
  "Volume",
]);

export function inhibitRules(resources: Iterable<Resource>): readonly InhibitRule[] {
  const byNamespace = Map.groupBy(
    [...resources].filter(({ kind }) => WORKING.has(kind)),
    ({ metadata }) => metadata.namespace ?? "default",
  );
  return [
    ...GENERAL,
    ...[...byNamespace]
      .toSorted(([a], [b]) => compare(a, b))
      .flatMap(([namespace, members]) => ofNamespace(namespace, members)),
  ];
}

function ofNamespace(namespace: string, members: readonly Resource[]): readonly InhibitRule[] {
  const dependents = dependentsOf(members);
  return [...dependents.keys()].toSorted(compare).flatMap((address): InhibitRule[] => {
    const all = [...reachedFrom(address, dependents)].filter((other) => other !== address).toSorted(compare);
    if (all.length === 0) return [];
    const scope = `${NAMESPACE}=${JSON.stringify(namespace)}`;
    return [
      {
        source_matchers: [scope, `${RESOURCE}=${JSON.stringify(address)}`, OUTAGE],
        target_matchers: [scope, `${RESOURCE}=~${JSON.stringify(all.map(literally).join("|"))}`],
      },
    ];
  });
}

type Dependents = Map<string, Set<string>>;

/** For each address those that need it. */
function dependentsOf(members: readonly Resource[]): Dependents {
  const known = new Set(members.map(addressOf));
  const dependents: Dependents = new Map();
  const add = (from: string, to: string): void => {
    const those = dependents.get(to);
    if (those === undefined) dependents.set(to, new Set([from]));
    else those.add(from);
  };
  const weak: [from: string, to: string][] = [];
  for (const member of members.toSorted((a, b) => compare(addressOf(a), addressOf(b)))) {
    const from = addressOf(member);
    for (const edge of edges(member)) {
      if (!known.has(edge.to) || edge.to === from) continue;
      if (edge.weak) weak.push([from, edge.to]);
      else add(from, edge.to);
    }
  }
  for (const [from, to] of weak) if (!reachedFrom(from, dependents).has(to)) add(from, to);
  return dependents;
}

interface Need {
  readonly to: string;
  readonly weak: boolean;
}

/** By the spec, which is the same object as long as nobody declares another. */
const EDGES = new WeakMap<object, readonly Need[]>();

function edges(resource: Resource): readonly Need[] {
  const spec = resource.spec as object | undefined;
  if (spec === undefined) return [];
  const known = EDGES.get(spec);
  if (known !== undefined) return known;
  const found = edgesOf(resource as Draft).edges.map(({ to, weak }) => ({ to, weak }));
  EDGES.set(spec, found);
  return found;
}

/** What needs it, directly or not; itself among them. */
function reachedFrom(start: string, dependents: Dependents): ReadonlySet<string> {
  const reached = new Set([start]);
  for (const address of reached) for (const next of dependents.get(address) ?? []) reached.add(next);
  return reached;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
