import { kindNamed } from "../../kinds/registry.ts";
import { conditionOf } from "../../model/condition.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import type { ExecSession } from "../../provider/provider.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import { fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";

interface ExecOptions {
  readonly tty?: boolean;
  readonly stdin?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<name>", "a service, of which a ready instance is taken, instance/<name> or machine/<name>")
      .argument("[command...]", "the command, behind --")
      .option("-t, --tty", "with a terminal; usual when you sit at one")
      .option("--no-tty", "without a terminal")
      .option("-i, --stdin", "with input, as usual")
      .option("--no-stdin", "without input")
      .addHelpText(
        "after",
        "\nExits with the command's own exit code.\n\nExamples:\n  $ tutti exec api -- sh\n  $ tutti exec instance/api-x7k2p -- env\n  $ echo 'select 1' | tutti exec api -- psql $URL\n  $ tutti exec machine/web -- sh",
      )
      .action((word: string, words: string[], options: ExecOptions) =>
        act((context) => exec(context, word, words, options)),
      );
  },
};

async function exec(
  context: CommandContext,
  word: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExitCode> {
  if (command.length === 0) misuse("Say which command.", "For example: tutti exec api -- sh");
  const target = targetOf(word, "service");
  const isMachine = target.kind.kind === "Machine";
  const name = isMachine ? target.name : await instanceOf(context, word);
  const { stdin, stdout } = context.environment;
  const tty = options.tty ?? (stdin.isTTY === true && stdout.isTTY === true);
  const withInput = options.stdin ?? true;
  const client = await context.client();
  const session = await client.exec(name, {
    ...(isMachine ? { of: target.kind } : {}),
    command,
    tty,
    stdin: withInput,
    namespace: context.namespace,
    signal: context.signal,
  });
  return attached(context, session, { tty, stdin: withInput });
}

/** A ready instance of the service, the first by name; any instance when none is ready. */
async function instanceOf(context: CommandContext, word: string): Promise<string> {
  const target = targetOf(word, "service");
  if (target.kind.kind === "Instance") return target.name;
  if (target.kind.kind !== "Service")
    misuse(`Nothing can be run in a ${target.kind.singular}.`, "Services, instances and machines can.");
  const kind = kindNamed("Instance");
  if (kind === undefined) return target.name;
  const client = await context.client();
  const { items } = await client.list(kind, {
    namespace: context.namespace,
    labelSelector: `${LABELS.service}=${target.name}`,
    signal: context.signal,
  });
  const running = items.filter((item) => item.metadata.deletionTimestamp === undefined);
  const best = running.find(isRunningWell) ?? running[0];
  if (best !== undefined) return best.metadata.name;
  const alone = word.includes("/")
    ? undefined
    : await client.find(kind, word, { namespace: context.namespace });
  if (alone !== undefined) return alone.metadata.name;
  await fetched(context, target);
  throw new CommandFailure(
    EXIT.failed,
    `service/${target.name} has no instance to run it in.`,
    `See: tutti describe service/${target.name}`,
  );
}

function isRunningWell(instance: Resource): boolean {
  return conditionOf(instance, "Ready")?.status === "True";
}

/** Joins the terminal and the session until the command ends; the terminal is given back as it was. */
async function attached(
  context: CommandContext,
  session: ExecSession,
  options: { readonly tty: boolean; readonly stdin: boolean },
): Promise<ExitCode> {
  const { stdin, stdout, stderr } = context.environment;
  const resize = (): void => session.resize(stdout.columns ?? 80, stdout.rows ?? 24);
  if (options.tty) {
    stdin.setRawMode?.(true);
    resize();
    stdout.on("resize", resize);
  } else {
    context.listenToInterrupts();
    context.signal.addEventListener("abort", () => session.kill(), { once: true });
  }
  try {
    const outputs = [
      copy(session.stdout, (bytes) => stdout.write(bytes)),
      copy(session.stderr, (bytes) => stderr.write(bytes)),
    ];
    if (options.stdin) void feed(context, session);
    const code = await session.exitCode;
    await Promise.all(outputs);
    return code;
  } finally {
    if (options.tty) stdin.setRawMode?.(false);
    stdout.off("resize", resize);
    stdin.unref?.();
  }
}

async function copy(from: AsyncIterable<Uint8Array>, write: (bytes: Uint8Array) => unknown): Promise<void> {
  for await (const bytes of from) write(bytes);
}

async function feed(context: CommandContext, session: ExecSession): Promise<void> {
  try {
    for await (const chunk of context.environment.stdin)
      session.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    session.endInput();
  } catch {
    session.endInput();
  }
}
