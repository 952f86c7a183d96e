/** What is wrong now, worst first. */
import { type Resource, addressOf } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import { kindOf, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { seriesName } from "../views/measured.ts";
import { harmless } from "../views/style.ts";
import { age, tableText } from "../views/table.ts";

type Alert = Resource<
  {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly expr?: string;
    readonly rule: { readonly name: string };
    readonly fingerprint: string;
  },
  {
    readonly state?: "pending" | "firing" | "resolved";
    readonly activeAt?: string;
    readonly firedAt?: string;
    readonly resolvedAt?: string;
    readonly value?: string;
  }
>;

interface AlertsOptions {
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
}

/** As Alertmanager's API has it: why nobody is told of an alert. */
interface Told {
  readonly labels: Readonly<Record<string, string>>;
  readonly status: { readonly silencedBy: readonly string[]; readonly inhibitedBy: readonly string[] };
}

interface Shown {
  readonly alert: Alert;
  readonly muted?: "silenced" | "inhibited";
}

const STATES = ["firing", "pending", "resolved"];
const SEVERITIES = ["critical", "page", "warning", "ticket", "info", "none"];

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[name]", "only alerts of this name or resource, with all that is known of them")
      .option("-a, --all", "also what is over, and what always fires")
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText(
        "after",
        "\nWorst first. A pending alert fires if it goes on. Of what is silenced (tutti silence) or inhibited (by the outage of\nwhat it needs) nobody is told.\n\nExamples:\n  $ tutti alerts\n  $ tutti alerts service/api\n  $ tutti alerts --all",
      )
      .action((name: string | undefined, options: AlertsOptions) =>
        act((context) => alerts(context, name, options)),
      );
  },
};

async function alerts(
  context: CommandContext,
  name: string | undefined,
  { all = false, allNamespaces = false }: AlertsOptions,
): Promise<void> {
  const client = await context.client();
  const { items } = await client.list<Alert>(kindOf("alert"), {
    ...(allNamespaces ? {} : { namespace: context.namespace }),
    signal: context.signal,
  });
  const shown = items
    .filter((alert) => isShown(alert, all || name !== undefined, all) && concerns(alert, wanted(name)))
    .toSorted(order);
  if (shown.length === 0 && !context.isStructured)
    return context.say(nothing(name, all, allNamespaces ? undefined : context.namespace));
  if (context.output === "name")
    return context.print(shown.map(({ metadata }) => `alert/${metadata.name}`).join("\n"));
  const now = context.environment.clock.now();
  const told = context.isStructured ? shown.map((alert) => ({ alert })) : await withMuting(context, shown);
  await emit(context, shown, () =>
    name === undefined
      ? table(told, context, now, allNamespaces)
      : told.map((one) => detail(one, now)).join("\n\n"),
  );
}

function nothing(name: string | undefined, all: boolean, namespace: string | undefined): string {
  const where =
    namespace === undefined || namespace === "default" ? "" : ` in the namespace '${harmless(namespace)}'`;
  if (name === undefined) return `Nothing is wrong${where}.`;
  const more = all ? "" : "; --all shows also what is over";
  return `There is no alert of '${harmless(name.slice(0, 80))}'${where}${more}.`;
}

/** `svc/api` is `service/api`; a word alone is an alert's or a service's name. */
function wanted(name: string | undefined): string | undefined {
  if (name?.includes("/") !== true) return name;
  const { kind, name: of } = targetOf(name);
  return kind.kind === "Alert" ? of : addressOf({ kind: kind.kind, metadata: { name: of } });
}

/** Alerts wait for nothing here: where nobody says what is silenced, they are shown without it. */
async function withMuting(context: CommandContext, shown: readonly Alert[]): Promise<readonly Shown[]> {
  const client = await context.client();
  const answer = client.alertmanager("alerts", {}, context.signal).catch(() => []);
  const known = new Map(
    (((await answer) ?? []) as readonly Told[]).map((one) => [keyOf(one.labels), one.status]),
  );
  return shown.map((alert): Shown => {
    const status = known.get(keyOf(alert.spec.labels));
    if ((status?.silencedBy.length ?? 0) > 0) return { alert, muted: "silenced" };
    return (status?.inhibitedBy.length ?? 0) > 0 ? { alert, muted: "inhibited" } : { alert };
  });
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What always fires tells the receivers that messages arrive; it says nothing to people. */
function isShown({ spec, status }: Alert, withWatchdogs: boolean, withResolved: boolean): boolean {
  return (
    (withResolved || status?.state !== "resolved") && (withWatchdogs || spec.labels["severity"] !== "none")
  );
}

function concerns({ spec: { labels }, metadata }: Alert, name: string | undefined): boolean {
  return (
    name === undefined ||
    [metadata.name, labels["alertname"], labels["tutti_resource"], labels["tutti_service"]].includes(name)
  );
}

function order(a: Alert, b: Alert): number {
  const rank = (list: readonly string[], word: string | undefined): number => {
    const index = list.indexOf(word ?? "");
    return index === -1 ? list.length : index;
  };
  return (
    rank(STATES, a.status?.state) - rank(STATES, b.status?.state) ||
    rank(SEVERITIES, a.spec.labels["severity"]) - rank(SEVERITIES, b.spec.labels["severity"]) ||
    sinceOf(b).localeCompare(sinceOf(a))
  );
}

function sinceOf({ status }: Alert): string {
  return status?.resolvedAt ?? status?.firedAt ?? status?.activeAt ?? "";
}

function table(shown: readonly Shown[], { style }: CommandContext, now: number, namespaces: boolean): string {
  const paint = (state: string, muted: string | undefined): string =>
    muted !== undefined
      ? style.dim(`${state}, ${muted}`)
      : state === "firing"
        ? style.red(state)
        : state === "pending"
          ? style.yellow(state)
          : style.dim(state);
  return tableText(
    [...(namespaces ? ["NAMESPACE"] : []), "STATE", "SINCE", "SEVERITY", "ALERT", "RESOURCE", "WHAT"],
    shown.map(({ alert, muted }) => {
      const { labels, annotations = {} } = alert.spec;
      return [
        ...(namespaces ? [alert.metadata.namespace ?? ""] : []),
        paint(alert.status?.state ?? "pending", muted),
        age(sinceOf(alert), now),
        labels["severity"] ?? "",
        harmless(labels["alertname"] ?? ""),
        resourceOf(labels),
        harmless(annotations["summary"] ?? annotations["description"] ?? "").replaceAll("\n", " "),
      ];
    }),
  );
}

/** Alerts of one rule about one resource differ by the instance they are of. */
function resourceOf(labels: Readonly<Record<string, string>>): string {
  const { tutti_resource: resource, instance } = labels;
  const within = resource !== undefined && instance !== undefined && !resource.endsWith(`/${instance}`);
  return harmless(
    within && instance !== resource ? `${resource} (${instance})` : (resource ?? instance ?? ""),
  );
}

const MUTED = {
  silenced:
    "Nobody is told: it is silenced (see 'tutti silence list --all'; a change silences what it touches).",
  inhibited: "Nobody is told: something that it needs is out, and that is told.",
} as const;

function detail({ alert, muted }: Shown, now: number): string {
  const { labels, annotations = {}, expr, rule } = alert.spec;
  const { state = "pending", value = "" } = alert.status ?? {};
  const lines = [
    `${labels["alertname"] ?? ""}: ${state} for ${age(sinceOf(alert), now)}, severity ${labels["severity"] ?? "none"}`,
    annotations["summary"],
    annotations["description"],
    muted === undefined ? undefined : MUTED[muted],
    `Resource: ${resourceOf(labels)}   Owner: ${labels["tutti_owner"] ?? "-"}`,
    expr === undefined ? `Value: ${value}   Rule: ${rule.name}` : `Value: ${value}   Rule: ${expr}`,
    `Labels: ${seriesName(labels)}`,
    annotations["runbook_url"] === undefined ? undefined : `What to do: ${annotations["runbook_url"]}`,
  ];
  return lines
    .filter((line) => line !== undefined)
    .map(harmless)
    .join("\n  ");
}
