/** What uses how much, live. */
import type { Client } from "../../client/client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { type TopRow, type TopSort, SORTS, topView } from "../views/top.ts";

interface TopOptions {
  readonly once?: boolean;
  readonly interval: string;
  readonly sort: string;
  readonly allNamespaces?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[what]", "services, instances, or service/<name>: the instances of that one", "services")
      .option("--once", "print it once; also when the output is not a terminal")
      .option("--interval <duration>", "time between two looks, at least 500ms", "2s")
      .option("--sort <column>", `by ${SORTS.join(", ")}`, "cpu")
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText(
        "after",
        "\nCPU in thousandths of a core and requests by the second, both over the last half minute. Ends with Ctrl-C.\n\nExamples:\n  $ tutti top\n  $ tutti top instances --sort memory\n  $ tutti top service/api\n  $ tutti top --once -o json",
      )
      .action((what: string, options: TopOptions) => act((context) => top(context, what, options)));
  },
};

const WINDOW = "30s";

interface Subject {
  readonly by: "service" | "instance";
  readonly namespace?: string;
  readonly service?: string;
}

async function top(context: CommandContext, what: string, options: TopOptions): Promise<ExitCode> {
  const sort = options.sort as TopSort;
  if (!SORTS.includes(sort))
    misuse(`There is no column '${options.sort.slice(0, 40)}'.`, `Columns: ${SORTS.join(", ")}.`);
  const { durationOf } = await import("./up.ts");
  const interval = Math.max(500, await durationOf(options.interval));
  const isOfAll = options.allNamespaces === true;
  const subject = await subjectOf(context, what, isOfAll);
  const client = await context.client();
  const { stdout, clock } = context.environment;
  const draw = (
    rows: readonly TopRow[],
    screen: { readonly lines: number; readonly columns?: number },
  ): string => topView(rows, { by: subject.by, sort, style: context.style, namespaces: isOfAll, ...screen });
  if (options.once === true || context.isStructured || stdout.isTTY !== true) {
    const rows = await rowsOf(client, subject, context.signal);
    await emit(context, rows, () => draw(rows, { lines: Number.POSITIVE_INFINITY }));
    return EXIT.ok;
  }
  context.listenToInterrupts();
  stdout.write(CLEAR);
  while (!context.signal.aborted) {
    const rows = await rowsOf(client, subject, context.signal).catch((error: unknown) => {
      if (context.signal.aborted) return undefined;
      throw error;
    });
    if (rows === undefined) break;
    stdout.write(over(draw(rows, { lines: (stdout.rows ?? 40) - 1, columns: stdout.columns ?? 80 })));
    await clock.sleep(interval, context.signal).catch(() => undefined);
  }
  return EXIT.ok;
}

const CLEAR = "\u001b[H\u001b[2J";

/** Over what is there, line by line: clearing the screen before would let it flicker. */
function over(text: string): string {
  return `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J`;
}

async function subjectOf(context: CommandContext, what: string, isOfAll: boolean): Promise<Subject> {
  const scope = isOfAll ? {} : { namespace: context.namespace };
  if (["services", "service", "svc"].includes(what)) return { by: "service", ...scope };
  if (["instances", "instance", "inst"].includes(what)) return { by: "instance", ...scope };
  const target = what.includes("/") ? targetOf(what) : undefined;
  if (target?.kind.kind !== "Service")
    misuse(
      `'${what.slice(0, 40)}' is neither services nor instances.`,
      "Write one of them, or service/<name> for the instances of one service.",
    );
  const { metadata } = await fetched(context, target);
  return { by: "instance", namespace: context.namespace, service: metadata.name };
}

async function rowsOf(client: Client, subject: Subject, signal: AbortSignal): Promise<readonly TopRow[]> {
  const rows = new Map<string, TopRow>();
  const asked = Object.entries(queriesFor(subject)).map(
    async ([column, query]) => [column, await client.query(query, { signal })] as const,
  );
  for (const [column, values] of await Promise.all(asked)) {
    for (const { labels, value } of values) {
      const { tutti_namespace: namespace = "", tutti_service, service = tutti_service ?? "" } = labels;
      const name = subject.by === "service" ? service : (labels["instance"] ?? "");
      // 0/0 where there was no request: there is no such value.
      if (name === "" || !Number.isFinite(value)) continue;
      const key = `${namespace}/${name}`;
      rows.set(key, { ...(rows.get(key) ?? { namespace, name, service }), [column]: value });
    }
  }
  return [...rows.values()].filter(isThere);
}

/** Rates and balancers remember for a while what has gone; what is there has a size, is ready or is wanted. */
function isThere({ memory, ready, wanted }: TopRow): boolean {
  return [memory, ready, wanted].some((value) => value !== undefined);
}

type Columns = Partial<Record<keyof Omit<TopRow, "namespace" | "name" | "service">, string>>;

function queriesFor({ by, namespace, service }: Subject): Columns {
  // Balancers name the service by their own label.
  const own = selector({ tutti_namespace: namespace, tutti_service: service });
  const routed = { tutti_namespace: namespace, service };
  const sum = (inner: string): string =>
    `sum by (tutti_namespace, tutti_service${by === "service" ? "" : ", instance"}) (${inner})`;
  const sumRouted = (inner: string): string =>
    `sum by (tutti_namespace, service${by === "service" ? "" : ", instance"}) (${inner})`;
  const rate = (name: string, labels: Labels): string => `rate(${name}${selector(labels)}[${WINDOW}])`;
  const buckets = rate("tutti_balancer_request_duration_seconds_bucket", routed);
  return {
    cpu: sum(`rate(tutti_instance_cpu_seconds_total${own}[${WINDOW}])`),
    memory: sum(`tutti_instance_memory_bytes${own}`),
    ready: sum(`tutti_instance_ready${own}`),
    requests: sumRouted(rate("tutti_balancer_requests_total", routed)),
    errors: sumRouted(rate("tutti_balancer_requests_total", { ...routed, code: "5xx" })),
    ...(by === "service"
      ? {
          wanted: `max by (tutti_namespace, tutti_service) (tutti_service_replicas_wanted${own})`,
          latency: `histogram_quantile(0.99, sum by (tutti_namespace, service, le) (${buckets}))`,
        }
      : {
          latency: `${sumRouted(rate("tutti_balancer_member_response_seconds_total", routed))} / ${sumRouted(rate("tutti_balancer_member_requests_total", routed))}`,
        }),
  };
}

type Labels = Readonly<Record<string, string | undefined>>;

function selector(labels: Labels): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== undefined);
  return pairs.length === 0
    ? ""
    : `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}}`;
}
