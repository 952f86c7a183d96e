/** PromQL from the command line, with a plot. */
import type { Measurements } from "../../client/client.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import type { CommandContext } from "../context.ts";
import { misuse } from "../exit.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";
import { formatNumber, formatSeconds, seriesName } from "../views/measured.ts";
import { plotView } from "../views/plot.ts";
import { harmless } from "../views/style.ts";
import { age, tableText } from "../views/table.ts";
import { durationOf } from "./up.ts";

interface Asked {
  readonly monitor?: string;
}

interface QueryOptions extends Asked {
  readonly since: string;
  readonly step?: string;
  readonly instant?: boolean;
  readonly at?: string;
}

interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
  readonly lastScrape: string;
  /** Seconds. */
  readonly lastScrapeDuration: number;
  readonly scrapeUrl: string;
}

const EXAMPLES = `
The language is PromQL; Grafana and other tools ask the same at <url>/prometheus, with the token.

Examples:
  $ tutti metrics query 'sum by (service) (rate(tutti_balancer_requests_total[1m]))'
  $ tutti metrics query --since 6h 'tutti_instance_memory_bytes'
  $ tutti metrics query --instant 'topk(5, tutti_instance_cpu_seconds_total)'
  $ tutti metrics query --monitor web 'up'
  $ tutti metrics names balancer
  $ tutti metrics targets`;

const MONITOR = ["--monitor <name>", "ask the Prometheus of this Monitor"] as const;

/** Points in a plot: two to a character would be all that can be seen. */
const POINTS = 240;
const LEAST_STEP = 1_000;
/** As in Prometheus. */
const MOST_POINTS = 11_000;

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    command
      .command("query")
      .summary("Ask a PromQL query, and draw what it gives")
      .description("Asks a PromQL query over the last while and draws it; with --instant, only as it is now.")
      .argument("<promql>", "the query")
      .option("--since <duration>", "how far back", "15m")
      .option("--step <duration>", "time between two points; chosen when absent")
      .option("--instant", "as it is now, a line a series")
      .option("--at <time>", "as it was then: RFC 3339, or a duration ago such as 2h")
      .option(...MONITOR)
      .action((query: string, options: QueryOptions) => act((context) => ask(context, query, options)));
    command
      .command("names")
      .summary("List the names of what is measured")
      .description("Lists the names of what is measured.")
      .argument("[text]", "only names that hold this")
      .option(...MONITOR)
      .action((text: string | undefined, options: Asked) => act((context) => names(context, options, text)));
    command
      .command("targets")
      .summary("List what is scraped, and how that goes")
      .description("Lists what is scraped, what cannot be scraped on top.")
      .option(...MONITOR)
      .action((options: Asked) => act((context) => targets(context, options)));
  },
};

async function ask(context: CommandContext, query: string, options: QueryOptions): Promise<void> {
  const measured = await asked(context, options);
  const end = await momentOf(context, options.at);
  if (options.instant === true) {
    const values = await measured.query(query, { at: end, signal: context.signal });
    if (values.length === 0 && !context.isStructured)
      return sayNothing(context, measured, query, options.at === undefined ? "now" : `at ${options.at}`);
    return emit(context, values, () =>
      tableText(
        ["VALUE", "SERIES"],
        values.map(({ labels, value }) => [formatNumber(value), seriesName(labels)]),
      ),
    );
  }
  const since = await durationOf(options.since);
  if (since < LEAST_STEP)
    misuse("There is nothing to draw in less than a second.", "Write for example --since 15m.");
  const step =
    options.step === undefined ? Math.max(LEAST_STEP, since / POINTS) : await durationOf(options.step);
  if (step <= 0 || since / step > MOST_POINTS)
    misuse(
      `A point every ${options.step ?? ""} in ${options.since} is too many.`,
      `At most ${MOST_POINTS} fit; leave --step out to have it chosen.`,
    );
  const start = end - since;
  const series = await measured.queryRange(query, { start, end, step }, context.signal);
  if (series.length === 0 && !context.isStructured)
    return sayNothing(context, measured, query, `in the last ${options.since}`);
  const { stdout } = context.environment;
  await emit(context, series, () =>
    plotView(series, {
      start,
      end,
      style: context.style,
      columns: Math.min(stdout.columns ?? 100, 160),
      rows: Math.max(6, Math.min(16, (stdout.rows ?? 24) - 8)),
    }),
  );
}

async function momentOf(context: CommandContext, text: string | undefined): Promise<number> {
  const now = context.environment.clock.now();
  if (text === undefined) return now;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  if (/^[\d.]+[a-z]/.test(text)) return now - (await durationOf(text));
  return misuse(
    `'${text.slice(0, 40)}' is no time.`,
    "Write for example 2026-05-04T10:30:00Z, or 2h for two hours ago.",
  );
}

/** That a query gives nothing is often right; that it names what nobody measures never is. */
async function sayNothing(
  context: CommandContext,
  measured: Measurements,
  query: string,
  when: string,
): Promise<void> {
  const known = new Set(await namesOf(context, measured));
  const unknown = (await namesIn(query)).filter((name) => !known.has(name));
  context.say(`The query gives nothing ${when}.`);
  for (const name of unknown)
    context.say(
      `  Nothing is measured as '${harmless(name)}'. ${didYouMean(name, [...known]) ?? "'tutti metrics names' lists what is."}`,
    );
}

async function namesIn(query: string): Promise<readonly string[]> {
  const { parseQuery } = await import("../../metrics/promql/parse.ts");
  const { selectorsOf } = await import("../../metrics/promql/selectors.ts");
  const names = selectorsOf(parseQuery(query, { experimental: true })).flatMap(({ name }) => name ?? []);
  return [...new Set(names)];
}

async function namesOf(context: CommandContext, measured: Measurements): Promise<readonly string[]> {
  return (await measured.prometheus("label/__name__/values", {}, context.signal)) as readonly string[];
}

/** Who is asked: the control plane, unless a Monitor's Prometheus is named. */
async function asked(context: CommandContext, { monitor }: Asked): Promise<Measurements> {
  const client = await context.client();
  return monitor === undefined ? client : client.observedBy(monitor, { namespace: context.namespace });
}

async function names(context: CommandContext, options: Asked, text = ""): Promise<void> {
  const client = await asked(context, options);
  const all = await namesOf(context, client);
  const found = all.filter((name) => name.includes(text));
  if (found.length === 0 && !context.isStructured)
    return context.say(
      text === ""
        ? "Nothing is measured yet: the first values come some seconds after a start."
        : `No name of what is measured holds '${harmless(text.slice(0, 80))}'.`,
    );
  const described = (await client.prometheus("metadata", {}, context.signal)) as Readonly<
    Record<string, readonly { readonly type: string; readonly help: string }[]>
  >;
  const rows = found.map((name) => {
    const entry = (described[name] ?? described[name.replace(/_(bucket|sum|count)$/, "")])?.[0];
    return { name, type: entry?.type ?? "", help: entry?.help ?? "" };
  });
  await emit(context, rows, () =>
    tableText(
      ["NAME", "TYPE", "MEANING"],
      rows.map(({ name, type, help }) => [name, type, help]),
    ),
  );
}

async function targets(context: CommandContext, options: Asked): Promise<void> {
  const client = await asked(context, options);
  const { activeTargets } = (await client.prometheus("targets", {}, context.signal)) as {
    readonly activeTargets: readonly ActiveTarget[];
  };
  const sorted = activeTargets.toSorted(
    (a, b) =>
      Number(a.health === "up") - Number(b.health === "up") ||
      (a.labels["job"] ?? "").localeCompare(b.labels["job"] ?? ""),
  );
  if (sorted.length === 0 && !context.isStructured) return context.say("Nothing is scraped yet.");
  const now = context.environment.clock.now();
  const { style } = context;
  const painted = (health: string): string =>
    health === "down" ? style.red(health) : health === "up" ? health : style.yellow(health);
  await emit(context, sorted, () =>
    tableText(
      ["HEALTH", "LAST", "TOOK", "JOB", "INSTANCE", "RESOURCE", "FROM", "ERROR"],
      sorted.map(({ health, labels, lastScrape, lastScrapeDuration, scrapeUrl, lastError }) => [
        painted(health),
        health === "unknown" ? "-" : age(lastScrape, now),
        health === "unknown" ? "-" : formatSeconds(lastScrapeDuration),
        labels["job"] ?? "",
        labels["instance"] ?? "",
        labels["tutti_resource"] ?? "",
        scrapeUrl,
        harmless(lastError).replaceAll("\n", " "),
      ]),
    ),
  );
}
