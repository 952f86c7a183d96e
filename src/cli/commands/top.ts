/** What uses how much, live. */
import type { MeasuredValue } from "../../provider/monitoring.ts";
import type { Client } from "../../client/client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
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
      .argument("[what]", "services or instances", "services")
      .option("--once", "print it once; also when the output is not a terminal")
      .option("--interval <duration>", "time between two looks", "2s")
      .option("--sort <column>", `by ${SORTS.join(", ")}`, "cpu")
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText(
        "after",
        "\nCPU in cores, over the last half minute. Ends with Ctrl-C.\n\nExamples:\n  $ tutti top\n  $ tutti top instances --sort memory\n  $ tutti top --once -o json",
      )
      .action((what: string, options: TopOptions) => act((context) => top(context, what, options)));
  },
};

const WINDOW = "30s";

async function top(context: CommandContext, what: string, options: TopOptions): Promise<ExitCode> {
  const by = what.startsWith("inst") ? "instance" : what.startsWith("serv") ? "service" : undefined;
  if (by === undefined)
    misuse(`'${what.slice(0, 40)}' is neither services nor instances.`, "Write one of them.");
  const sort = options.sort as TopSort;
  if (!SORTS.includes(sort))
    misuse(`Nothing is called '${options.sort.slice(0, 40)}'.`, `Columns: ${SORTS.join(", ")}.`);
  const { durationOf } = await import("./up.ts");
  const interval = Math.max(500, await durationOf(options.interval));
  const client = await context.client();
  const namespace = options.allNamespaces === true ? undefined : context.namespace;
  const look = (): Promise<readonly TopRow[]> => rowsOf(client, by, namespace, context.signal);
  const { stdout, clock } = context.environment;
  const draw = (rows: readonly TopRow[]): string =>
    topView(rows, { by, sort, style: context.style, lines: (stdout.rows ?? 40) - 2 });
  if (options.once === true || context.isStructured || stdout.isTTY !== true) {
    const rows = await look();
    await emit(context, rows, () => draw(rows));
    return EXIT.ok;
  }
  context.listenToInterrupts();
  while (!context.signal.aborted) {
    const text = draw(await look());
    stdout.write(`\u001b[H\u001b[2J${text}\n`);
    await clock.sleep(interval, context.signal).catch(() => undefined);
  }
  return EXIT.ok;
}

async function rowsOf(
  client: Client,
  by: "service" | "instance",
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly TopRow[]> {
  const of = namespace === undefined ? "" : `{tutti_namespace="${namespace}"}`;
  const labels =
    by === "service" ? "tutti_namespace, tutti_service" : "tutti_namespace, tutti_service, instance";
  // Balancers name the service by their own label.
  const routed = by === "service" ? "tutti_namespace, service" : "tutti_namespace, service, instance";
  const ask = (expression: string): Promise<readonly MeasuredValue[]> => client.query(expression, { signal });
  const [cpu, memory, ready, requests, errors, latency] = await Promise.all([
    ask(`sum by (${labels}) (rate(tutti_instance_cpu_seconds_total${of}[${WINDOW}]))`),
    ask(`sum by (${labels}) (tutti_instance_memory_bytes${of})`),
    ask(`sum by (${labels}) (tutti_instance_ready${of})`),
    ask(`sum by (${routed}) (rate(tutti_balancer_requests_total${of}[${WINDOW}]))`),
    ask(`sum by (${routed}) (rate(tutti_balancer_requests_total${withCode(of)}[${WINDOW}]))`),
    by === "service"
      ? ask(
          `histogram_quantile(0.99, sum by (tutti_namespace, service, le) (rate(tutti_balancer_request_duration_seconds_bucket${of}[${WINDOW}])))`,
        )
      : ask(
          `sum by (${routed}) (rate(tutti_balancer_member_response_seconds_total${of}[${WINDOW}])) / sum by (${routed}) (rate(tutti_balancer_member_requests_total${of}[${WINDOW}]))`,
        ),
  ]);
  const rows = new Map<string, TopRow>();
  const put = (
    column: keyof Omit<TopRow, "namespace" | "name" | "service">,
    values: readonly MeasuredValue[],
  ): void => {
    for (const { labels: found, value } of values) {
      const service = found["tutti_service"] ?? found["service"] ?? "";
      const name = by === "service" ? service : (found["instance"] ?? "");
      if (name === "") continue;
      const key = `${found["tutti_namespace"] ?? ""}/${name}`;
      const row = rows.get(key) ?? { namespace: found["tutti_namespace"] ?? "", name, service };
      rows.set(key, { ...row, [column]: value });
    }
  };
  put("cpu", cpu);
  put("memory", memory);
  put("ready", ready);
  put("requests", requests);
  put("errors", errors);
  put("latency", latency);
  return [...rows.values()];
}

function withCode(selector: string): string {
  return selector === "" ? '{code="5xx"}' : selector.replace("}", ',code="5xx"}');
}
