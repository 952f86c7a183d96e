import { ApiError } from "../../client/error.ts";
import type { LogQuery } from "../../client/client.ts";
import type { CommandContext } from "../context.ts";
import { misuse } from "../exit.ts";
import { fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { LogColours, serviceLogLine } from "../views/logs.ts";
import { printed } from "../printed.ts";
import { durationOf } from "./up.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly previous?: boolean;
  readonly prefix: boolean;
  readonly step?: string;
  readonly attempt?: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<name>", "a service, instance/<name>, machine/<name>, or run/<name>")
      .option("-f, --follow", "go on with what is written from now, also by instances that come later")
      .option("--tail <lines>", "only the last lines (of each instance)")
      .option("--since <duration>", "only of the last 5m, 1h ...")
      .option("-t, --timestamps", "with the time of each line")
      .option("-p, --previous", "of the instance that ended last")
      .option("--no-prefix", "without the instance's name in front")
      .option("--step <path>", "of a run: only this step")
      .option("--attempt <number>", "of a run's step: this attempt, instead of the newest")
      .addHelpText(
        "after",
        "\nOf a service: the lines of all its instances in the order of time, each in a colour of its own. Of a run: those of its\nsteps, one step after the other; with -f those of each step as it runs.\n\nExamples:\n  $ tutti logs api -f\n  $ tutti logs api --since 10m --tail 100\n  $ tutti logs instance/api-x7k2p -t\n  $ tutti logs api --previous\n  $ tutti logs machine/web\n  $ tutti logs run/order-x7k2p9 -f\n  $ tutti logs run/order-x7k2p9 --step charge --attempt 1",
      )
      .action((word: string, options: LogsOptions) => act((context) => logs(context, word, options)));
  },
};

async function logs(context: CommandContext, word: string, options: LogsOptions): Promise<void> {
  const target = targetOf(word, "service");
  const query = await queryOf(context, options);
  if (options.follow === true) context.listenToInterrupts();
  if (target.kind.kind === "Instance") return instanceLogs(context, target.name, query);
  if (target.kind.kind === "Machine")
    return instanceLogs(context, target.name, { ...query, of: target.kind });
  if (target.kind.kind === "Run")
    return (await import("../run-log.ts")).runLogs(context, target.name, options);
  if (target.kind.kind !== "Service")
    misuse(`A ${target.kind.singular} has no log.`, "Services, instances, machines and runs have.");
  if (options.step !== undefined || options.attempt !== undefined)
    misuse(
      "--step and --attempt are of a run.",
      `Write for example: tutti logs run/${target.name} --step charge`,
    );
  const isService =
    (await (await context.client()).find(target.kind, target.name, { namespace: context.namespace })) !==
    undefined;
  // A name alone may be an instance's as well: people copy them from `tutti get instances`.
  if (!isService && !word.includes("/") && (await isInstance(context, word)))
    return instanceLogs(context, word, query);
  if (!isService) await fetched(context, target);
  await serviceLogs(context, target.name, query, options);
}

async function isInstance(context: CommandContext, name: string): Promise<boolean> {
  const { kind } = targetOf(name, "instance");
  return (await (await context.client()).find(kind, name, { namespace: context.namespace })) !== undefined;
}

async function queryOf(context: CommandContext, options: LogsOptions): Promise<LogQuery> {
  const tail = options.tail === undefined ? undefined : Number(options.tail);
  if (tail !== undefined && (!Number.isInteger(tail) || tail < 0))
    misuse(`'${options.tail ?? ""}' is no number of lines.`, "Write for example --tail 100.");
  return {
    namespace: context.namespace,
    signal: context.signal,
    follow: options.follow ?? false,
    ...(tail === undefined ? {} : { tail }),
    ...(options.since === undefined ? {} : { since: Math.ceil((await durationOf(options.since)) / 1000) }),
    ...(options.timestamps === true ? { timestamps: true } : {}),
    ...(options.previous === true ? { previous: true } : {}),
  };
}

async function instanceLogs(context: CommandContext, name: string, query: LogQuery): Promise<void> {
  const client = await context.client();
  await untilInterrupted(context, async () => {
    for await (const line of client.log(name, query)) await printed(context, line);
  });
}

async function serviceLogs(
  context: CommandContext,
  name: string,
  query: LogQuery,
  options: LogsOptions,
): Promise<void> {
  const client = await context.client();
  const colours = new LogColours(context.style);
  const { timestamps = false, ...rest } = query;
  let lines = 0;
  await untilInterrupted(context, async () => {
    for await (const line of client.serviceLog(name, rest)) {
      lines += 1;
      if (context.isStructured) await printed(context, JSON.stringify(line));
      else await printed(context, serviceLogLine(line, colours, { timestamps, prefix: options.prefix }));
    }
  });
  if (lines === 0 && query.follow !== true && !context.isStructured)
    context.say(`Nothing is kept of what service/${name} wrote${query.previous === true ? " before" : ""}.`);
}

/** Following logs ends with Ctrl-C: that is no failure. */
async function untilInterrupted(context: CommandContext, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (context.signal.aborted) return;
    if (error instanceof ApiError && error.code === 404) misuse(error.message, "See: tutti get instances");
    throw error;
  }
}
