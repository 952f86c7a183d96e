/** What is wrong now, worst first. */
import type { Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import { kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { harmless } from "../views/style.ts";
import { age, tableText } from "../views/table.ts";

type Alert = Resource<
  {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly expr: string;
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
        "\nWorst first. Alerts are routed by Receivers and silenced with 'tutti silence'.\n\nExamples:\n  $ tutti alerts\n  $ tutti alerts service/api\n  $ tutti alerts --all",
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
  const shown = items.filter((alert) => isShown(alert, all) && concerns(alert, name)).toSorted(order);
  if (shown.length === 0 && !context.isStructured)
    return context.say(
      name === undefined ? "Nothing is wrong." : `There is no alert of '${harmless(name)}'.`,
    );
  const now = context.environment.clock.now();
  await emit(context, shown, () =>
    name === undefined ? table(shown, context, now) : shown.map((alert) => detail(alert, now)).join("\n\n"),
  );
}

/** What always fires tells the receivers that messages arrive; it says nothing to people. */
function isShown({ spec, status }: Alert, all: boolean): boolean {
  return all || (status?.state !== "resolved" && spec.labels["severity"] !== "none");
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

function table(shown: readonly Alert[], { style }: CommandContext, now: number): string {
  const paint = (state: string): string =>
    state === "firing" ? style.red(state) : state === "pending" ? style.yellow(state) : style.dim(state);
  return tableText(
    ["STATE", "SINCE", "SEVERITY", "ALERT", "RESOURCE", "WHAT"],
    shown.map((alert) => {
      const { labels, annotations = {} } = alert.spec;
      return [
        paint(alert.status?.state ?? "pending"),
        age(sinceOf(alert), now),
        labels["severity"] ?? "",
        labels["alertname"] ?? "",
        labels["tutti_resource"] ?? labels["instance"] ?? "",
        harmless(annotations["summary"] ?? ""),
      ];
    }),
  );
}

function detail(alert: Alert, now: number): string {
  const { labels, annotations = {}, expr } = alert.spec;
  const { state = "pending", value = "" } = alert.status ?? {};
  const lines = [
    `${labels["alertname"] ?? ""}: ${state} for ${age(sinceOf(alert), now)}, severity ${labels["severity"] ?? "none"}`,
    annotations["summary"],
    annotations["description"],
    `Resource: ${labels["tutti_resource"] ?? "-"}   Owner: ${labels["tutti_owner"] ?? "-"}`,
    `Value: ${value}   Rule: ${expr}`,
    annotations["runbook_url"] === undefined ? undefined : `What to do: ${annotations["runbook_url"]}`,
  ];
  return lines
    .filter((line) => line !== undefined)
    .map(harmless)
    .join("\n  ");
}
