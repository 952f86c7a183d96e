import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import type { Verb } from "../verb.ts";

interface WorkerOptions {
  readonly url?: string;
  readonly token?: string;
  readonly workflow?: readonly string[];
  readonly pool?: string;
  readonly slots: string;
  readonly grace: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<module>", "the module that exports the handlers, such as ./handlers.ts")
      .option("--url <address>", "the control plane's address; this machine's when absent")
      .option("--token <token>", "its token; $TUTTI_TOKEN when absent")
      .option("--workflow <name...>", "only steps of these workflows; of any in the namespace when absent")
      .option("--pool <name>", "only steps of this pool, and those of the pool only here")
      .option("--slots <number>", "attempts at once", "100")
      .option("--grace <seconds>", "what attempts have to finish at Ctrl-C or SIGTERM", "30")
      .addHelpText(
        "after",
        "\nRuns until Ctrl-C or SIGTERM, then lets what runs finish. While the connection is lost handlers go on.\n\nExamples:\n  $ tutti worker ./handlers.ts\n  $ TUTTI_TOKEN=... tutti worker ./gpu.ts --url https://tutti.example.com --pool gpu --slots 2",
      )
      .action((module: string, options: WorkerOptions) => act((context) => worker(context, module, options)));
  },
};

async function worker(context: CommandContext, path: string, options: WorkerOptions): Promise<ExitCode> {
  const { cwd, clock } = context.environment;
  const module = resolve(cwd, path);
  if (!existsSync(module))
    misuse(`There is no file ${module}.`, "Name the module that exports the handlers.");
  const slots = whole(options.slots, "--slots", 1);
  const grace = whole(options.grace, "--grace", 0) * 1000;
  const { url, token } = await addressOf(context, options);
  const { RemoteWorker } = await import("../../workflow/worker/remote-worker.ts");
  const running = new RemoteWorker({
    url,
    token,
    module,
    namespace: context.namespace,
    ...(options.workflow === undefined ? {} : { workflows: options.workflow }),
    ...(options.pool === undefined ? {} : { pool: options.pool }),
    slots,
    clock,
    say: (line) => context.say(line),
  });
  context.listenToInterrupts();
  context.signal.addEventListener(
    "abort",
    () => {
      context.say("Takes nothing further; what runs may finish.");
      running.drain(grace);
    },
    { once: true },
  );
  await running.run().catch((error: unknown) => {
    throw new CommandFailure(EXIT.failed, error instanceof Error ? error.message : "The worker failed.");
  });
  return EXIT.ok;
}

async function addressOf(
  context: CommandContext,
  options: WorkerOptions,
): Promise<{ readonly url: string; readonly token: string }> {
  const given = options.token ?? context.environment.env["TUTTI_TOKEN"];
  if (options.url !== undefined) {
    if (URL.parse(options.url) === null)
      misuse(`'${options.url}' is no address.`, "For example: --url http://127.0.0.1:7700");
    const token =
      given ?? misuse("A control plane elsewhere asks for a token.", "Set $TUTTI_TOKEN, or give --token.");
    return { url: options.url.replace(/\/$/, ""), token };
  }
  const client = await context.client();
  return { url: client.url, token: given ?? (await context.access()).token() };
}

function whole(text: string, name: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    misuse(`'${text}' is no number for ${name}.`, `Give a whole number from ${least}.`);
  return value;
}
