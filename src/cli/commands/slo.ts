/** Service level objectives: how good it is, and how much of the error budget is left. */
import type { KindName, Measurements } from "../../client/client.ts";
import type { Resource } from "../../model/resource.ts";
import type { MeasuredValue } from "../../provider/monitoring.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";
import { formatPercent } from "../views/measured.ts";
import { tableText } from "../views/table.ts";

interface Slo {
  readonly slo: string;
  readonly resource: string;
  readonly namespace: string;
  /** Ratios. */
  readonly objective: number;
  readonly now?: number;
  readonly hour?: number;
  readonly day?: number;
  readonly budgetLeft?: number;
  /** 1: as fast as the budget allows. */
  readonly burnRate?: number;
}

export const verb: Verb = {
  define(command, act) {
    command
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText(
        "after",
        "\nGOOD is the share of good requests; a burn rate of 1 spends the whole budget by the end of the period.\nEvery route of a balancer has an objective of 99.9%; a Monitor changes it and adds others.\n\nExamples:\n  $ tutti slo\n  $ tutti slo -o json",
      )
      .action((options: { readonly allNamespaces?: boolean }) => act((context) => slo(context, options)));
  },
};

const MONITORS: KindName = {
  kind: "Monitor",
  plural: "monitors",
  group: "tutti.dev",
  version: "v1",
  namespaced: true,
};

const QUERIES = {
  objective: "slo:objective:ratio",
  now: "1 - slo:sli_error:ratio_rate5m",
  hour: "1 - slo:sli_error:ratio_rate1h",
  day: "1 - slo:sli_error:ratio_rate1d",
  budgetLeft: "slo:period_error_budget_remaining:ratio",
  burnRate: "slo:current_burn_rate:ratio",
} as const;

async function slo(
  context: CommandContext,
  { allNamespaces = false }: { readonly allNamespaces?: boolean },
): Promise<void> {
  const namespace = allNamespaces ? undefined : context.namespace;
  const slos = (await measured(context, namespace)).toSorted(
    (a, b) => (a.budgetLeft ?? 1) - (b.budgetLeft ?? 1),
  );
  if (slos.length === 0 && !context.isStructured)
    return context.say(
      "No objective is measured here: each route of a balancer has one, with its first values half a minute after it is up.",
    );
  await emit(context, slos, () => table(slos, context, allNamespaces));
  if (context.isStructured) return;
  if (slos.some(({ now }) => now === undefined)) context.say("A dash: there was no request yet.");
  else if (slos.some(({ budgetLeft }) => budgetLeft === undefined))
    context.say("The budget that is left is looked at every five minutes.");
}

async function measured(context: CommandContext, namespace: string | undefined): Promise<readonly Slo[]> {
  const found = new Map<string, Slo>();
  const sources = await observers(context, namespace);
  const answers = (await Promise.all(sources.map((source) => answersOf(source, context)))).flat();
  for (const [column, values] of answers)
    for (const { labels, value } of values) {
      if (namespace !== undefined && (labels["tutti_namespace"] ?? "default") !== namespace) continue;
      const key = keyOf(labels);
      found.set(key, { ...(found.get(key) ?? named(labels)), [column]: value });
    }
  return [...found.values()];
}

type Answers = readonly (readonly [column: string, values: readonly MeasuredValue[]])[];

/** Of one that does not answer nothing is shown but that. */
async function answersOf(source: Measurements, context: CommandContext): Promise<Answers> {
  try {
    return await Promise.all(
      Object.entries(QUERIES).map(
        async ([column, query]) => [column, await source.query(query, { signal: context.signal })] as const,
      ),
    );
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.complain(
      `Some objectives are missing: ${error instanceof Error ? error.message : String(error)}`,
    );
    return [];
  }
}

/** The control plane, and each Prometheus that observes a system in its stead. */
async function observers(
  context: CommandContext,
  namespace: string | undefined,
): Promise<readonly Measurements[]> {
  const client = await context.client();
  const { items } = await client.list<Resource<unknown, { readonly url?: string }>>(MONITORS, {
    ...(namespace === undefined ? {} : { namespace }),
    signal: context.signal,
  });
  const theirs = items
    .filter(({ status }) => status?.url !== undefined)
    .map(({ metadata: { name, namespace: of = "default" } }) => client.observedBy(name, { namespace: of }));
  return [client, ...theirs];
}

function named(labels: MeasuredValue["labels"]): Slo {
  return {
    slo: labels["slo"] ?? "",
    resource: labels["tutti_resource"] ?? "",
    namespace: labels["tutti_namespace"] ?? "",
    objective: Number.NaN,
  };
}

function keyOf(labels: MeasuredValue["labels"]): string {
  return [labels["tutti_namespace"], labels["tutti_resource"], labels["slo"]].join("\n");
}

function table(slos: readonly Slo[], { style }: CommandContext, namespaces: boolean): string {
  const percent = (ratio: number | undefined): string =>
    ratio === undefined ? "-" : formatPercent(ratio, 5);
  return tableText(
    [
      ...(namespaces ? ["NAMESPACE"] : []),
      "SLO",
      "RESOURCE",
      "OBJECTIVE",
      "GOOD 5M",
      "GOOD 1H",
      "GOOD 1D",
      "BUDGET LEFT",
      "BURN RATE",
    ],
    slos.map((one) => {
      const left = percent(one.budgetLeft);
      const rate = one.burnRate === undefined ? "-" : one.burnRate.toFixed(1);
      return [
        ...(namespaces ? [one.namespace] : []),
        one.slo,
        one.resource,
        percent(one.objective),
        percent(one.now),
        percent(one.hour),
        percent(one.day),
        (one.budgetLeft ?? 1) < 0 ? style.red(left) : left,
        (one.burnRate ?? 0) > 1 ? style.yellow(rate) : rate,
      ];
    }),
  );
}
