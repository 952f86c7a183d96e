import { EXIT, type ExitCode, misuse } from "../exit.ts";
import type { CommandContext } from "../context.ts";
import type { Verb } from "../verb.ts";

interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly logLevel?: string;
  readonly parallelism?: string;
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

export const verb: Verb = {
  define(command, act) {
    command
      .option("--host <address>", "address to listen on", "127.0.0.1")
      .option("--port <number>", "port to listen on; the last one, or a free one, when absent")
      .option("--log-level <level>", "debug, info, warn or error", "info")
      .option("--parallelism <number>", "so many resources are worked on at once; no limit when absent")
      .addHelpText(
        "after",
        "\nRuns until Ctrl-C or SIGTERM. What it has started goes on running; the next control plane takes it over.\n\nExamples:\n  $ tutti serve\n  $ tutti serve --home /srv/tutti --port 7700",
      )
      .action((options: ServeOptions) => act((context) => serve(context, options)));
  },
};

async function serve(context: CommandContext, options: ServeOptions): Promise<ExitCode> {
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65535))
    misuse(`'${options.port ?? ""}' is no port.`, "A port is a number from 1 to 65535; 0 takes a free one.");
  const level =
    LEVELS.find((known) => known === options.logLevel) ??
    misuse(`There is no log level '${options.logLevel ?? ""}'.`, `Use one of ${LEVELS.join(", ")}.`);
  context.listenToInterrupts();
  const access = await context.access();
  await access.serve({
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(port === undefined ? {} : { port }),
    level,
    ...parallelismOf(options),
    signal: context.signal,
    onReady: (url) => context.say(`The control plane answers at ${url}; state folder ${access.home}`),
  });
  return EXIT.ok;
}

function parallelismOf({ parallelism }: ServeOptions): { readonly parallelism?: number } {
  if (parallelism === undefined) return {};
  const number = Number(parallelism);
  if (!(Number.isInteger(number) && number > 0))
    misuse(`'${parallelism}' is no number of resources.`, "Give a whole number from 1.");
  return { parallelism: number };
}
