/**
 * From Receivers, Monitors and the graph to one Alertmanager configuration. Each Receiver is a route of its own below a
 * root that tells nobody; a Monitor's route tree comes before, as it is, for the alerts of its System.
 *
 * Field names in camel case become Alertmanager's; free texts by name (headers, details) stay as they are.
 */
import type { receiver } from "../../kinds/receiver.ts";
import { TARGET_LABELS } from "../../provider/monitoring.ts";
import type { InhibitRule } from "./inhibition.ts";
import type { Tuned } from "./subject.ts";

export type ReceiverSpec = typeof receiver.Spec;

/** A Receiver whose expressions are resolved and whose secrets are opened. */
export interface Recipient {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ReceiverSpec;
}

type Fields = Readonly<Record<string, unknown>>;

const NOBODY = "nobody";
const WAYS = ["webhook", "slack", "email", "pagerduty", "command", "workflow"] as const;
/** Ways of our own, whose fields are called otherwise there. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  command: { env: "environment" },
  workflow: { name: "workflow" },
};
/** Names within are not ours. */
const FREE: ReadonlySet<string> = new Set(["headers", "details", "env", "input"]);

export function routingOf(
  recipients: readonly Recipient[],
  monitors: readonly Tuned[],
  inhibitions: readonly InhibitRule[],
): Fields {
  const sorted = recipients.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return {
    global: { resolve_timeout: "5m" },
    route: {
      receiver: NOBODY,
      group_by: ["alertname", TARGET_LABELS.system],
      // What tells that monitoring works is for dead man's switches: who wants it asks for it by name.
      routes: [...monitors.flatMap((monitor) => treeOf(monitor, sorted)), ...sorted.map(routeOf)],
    },
    receivers: [{ name: NOBODY }, ...sorted.map(receiverOf)],
    inhibit_rules: [...inhibitions, ...monitors.flatMap(({ spec }) => spec.inhibitRules)],
  };
}

/** Of two namespaces the same name is two receivers. */
function nameOf({ namespace, name }: Pick<Recipient, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function routeOf(recipient: Recipient): Fields {
  const { matchers, groupBy, groupWait, groupInterval, repeatInterval, continue: goesOn } = recipient.spec;
  const asksForMore = matchers.some((matcher) => /^(alertname|severity)\b/.test(matcher));
  return {
    receiver: nameOf(recipient),
    matchers: [
      ...(recipient.namespace === "default"
        ? []
        : [`${TARGET_LABELS.namespace}=${JSON.stringify(recipient.namespace)}`]),
      // What nobody has to act on is told to whoever asks for it by name or by severity.
      ...(asksForMore ? [] : ['severity!~"none|info"']),
      ...matchers,
    ],
    group_by: groupBy,
    group_wait: groupWait,
    group_interval: groupInterval,
    repeat_interval: repeatInterval,
    continue: goesOn,
  };
}

function receiverOf(recipient: Recipient): Fields {
  const { spec } = recipient;
  const ways = WAYS.flatMap((way): readonly (readonly [string, unknown])[] => {
    const config = spec[way];
    return config === undefined
      ? []
      : [
          [
            `${way}_configs`,
            [
              {
                send_resolved: spec.sendResolved,
                ...fieldsOf(way, config),
                ...qualifiedWorkflow(recipient, way),
              },
            ],
          ],
        ];
  });
  return { name: nameOf(recipient), ...Object.fromEntries(ways) };
}

/** Of two namespaces the same name is two workflows. */
function qualifiedWorkflow({ namespace, spec }: Recipient, way: (typeof WAYS)[number]): Fields {
  return way === "workflow" && spec.workflow !== undefined
    ? { workflow: nameOf({ namespace, name: spec.workflow.name }) }
    : {};
}

function fieldsOf(way: (typeof WAYS)[number], config: object): Fields {
  const names = RENAMED[way] ?? {};
  const fields = Object.entries(snakeCased(config) as Fields);
  return Object.fromEntries(fields.map(([name, value]) => [names[name] ?? name, value]));
}

/** A Monitor's tree is about its own System, or its namespace; receivers in it are those of the namespace. */
function treeOf({ namespace, system, spec }: Tuned, recipients: readonly Recipient[]): readonly Fields[] {
  if (spec.route === undefined) return [];
  const known = new Set(recipients.filter((one) => one.namespace === namespace).map(({ name }) => name));
  const scope = [
    `${TARGET_LABELS.namespace}=${JSON.stringify(namespace)}`,
    ...(system === undefined ? [] : [`${TARGET_LABELS.system}=${JSON.stringify(system)}`]),
  ];
  const tree = qualified(spec.route, namespace, known);
  return [{ ...tree, matchers: [...scope, ...((tree["matchers"] ?? []) as readonly string[])] }];
}

/** A receiver that is not there would make the whole configuration void: its alerts go to nobody instead. */
function qualified(route: Fields, namespace: string, known: ReadonlySet<string>): Fields {
  const { receiver: name, routes } = route;
  return {
    ...route,
    ...(typeof name !== "string" ? {} : { receiver: known.has(name) ? nameOf({ namespace, name }) : NOBODY }),
    ...(Array.isArray(routes)
      ? { routes: (routes as readonly Fields[]).map((one) => qualified(one, namespace, known)) }
      : {}),
  };
}

function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        FREE.has(name) ? member : snakeCased(member),
      ]),
  );
}
