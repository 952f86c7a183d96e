/**
 * The command line: finds the verb, loads only it, reads its arguments, runs it, and turns whatever comes of it into text
 * and an exit code.
 */
import { Command, CommanderError, Option } from "commander";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { CommandContext, type GlobalOptions, isOutputFile } from "./context.ts";
import type { Environment } from "./environment.ts";
import { EXIT, type ExitCode, misuse } from "./exit.ts";
import { verbs } from "./commands/index.ts";
import { reportFailure } from "./failure.ts";
import type { Run, VerbEntry } from "./verb.ts";

const EXIT_CODES = `
Exit codes:
  0  done                          3  refused: the plan destroys something; say --yes
  1  failed, or did not get ready  4  no control plane answers
  2  bad input or wrong usage      5  the base has moved: look at the plan again
  6  the change waits for approval, or for its turn     130  interrupted`;

const EXAMPLES = `
Examples:
  $ tutti init && tutti up          declare a first system and bring it up
  $ tutti status                    see all systems
  $ tutti logs api -f               follow the logs of a service
  $ tutti scale api +2              two instances more
  $ tutti why service/api           how it came to be as it is`;

const GROUPS = ["Declare", "Workflows", "Look", "Change", "Control plane", "Tools"] as const;

/** `argv`: the arguments alone. Resolves with the exit code; never rejects. */
export async function run(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  let context = new CommandContext(environment, {});
  // Whoever reads our output may stop reading: `tutti get instances | head`.
  const stopReading = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE") context.cancel();
  };
  environment.stdout.on("error", stopReading);
  environment.stderr.on("error", stopReading);
  try {
    const chosen = await choose(argv, environment);
    if (typeof chosen === "number") return chosen;
    context = new CommandContext(environment, chosen.options);
    if (!WITHOUT_KINDS.has(chosen.verb)) await context.learnKinds();
    return (await chosen.run(context)) ?? EXIT.ok;
  } catch (error) {
    return await reportFailure(error, context);
  } finally {
    context.close();
  }
}

/** Verbs that name no resource, or nothing that runs. */
const WITHOUT_KINDS: ReadonlySet<string> = new Set([
  "version",
  "init",
  "serve",
  "stop",
  "doctor",
  "kubeconfig",
  "worker",
]);

interface Chosen {
  readonly verb: string;
  readonly options: GlobalOptions;
  readonly run: Run;
}

async function choose(argv: readonly string[], environment: Environment): Promise<Chosen | ExitCode> {
  const word = verbIn(argv);
  if (word === undefined || word === "help") return help(argv, environment);
  const entry = verbs.find((verb) => verb.name === word);
  if (entry === undefined)
    return misuse(
      `There is no verb '${word.slice(0, 40)}'.`,
      didYouMean(
        word,
        verbs.map((verb) => verb.name),
      ) ?? "See 'tutti --help'.",
    );
  return readArguments(argv, entry, environment);
}

const TAKING_VALUE: ReadonlySet<string> = new Set(["--home", "--namespace", "-n", "--output", "-o"]);

/** The first word that is neither an option nor an option's value. */
function verbIn(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (TAKING_VALUE.has(word)) at += 1;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}

async function readArguments(
  argv: readonly string[],
  entry: VerbEntry,
  environment: Environment,
): Promise<Chosen | ExitCode> {
  const program = programFor(environment, entry.name);
  const command = program.command(entry.name).summary(entry.summary).description(`${entry.summary}.`);
  withGlobals(command, entry.name);
  let chosen: Chosen | undefined;
  const verb = await entry.load();
  verb.define(command, (run) => {
    chosen = { verb: entry.name, options: globalsOf(program, command), run };
  });
  for (const nested of command.commands) withGlobals(nested, entry.name);
  for (const each of [program, command, ...command.commands]) prepared(each, environment);
  const code = await parse(program, argv);
  return chosen ?? code;
}

async function help(argv: readonly string[], environment: Environment): Promise<Chosen | ExitCode> {
  const [, topic] = argv.filter((word) => !word.startsWith("-"));
  const entry = verbs.find((verb) => verb.name === topic);
  if (entry !== undefined) return readArguments([entry.name, "--help"], entry, environment);
  if (argv.includes("--version") || argv.includes("-V")) {
    environment.stdout.write(`${environment.version}\n`);
    return EXIT.ok;
  }
  const unknown = argv.find((word) => word.startsWith("-") && !["--help", "-h"].includes(word));
  if (unknown !== undefined && argv.length === 1)
    misuse(`There is no option '${unknown}' without a verb.`, "See 'tutti --help'.");
  environment.stdout.write(`${overview(environment)}\n`);
  return EXIT.ok;
}

/** The verbs by group: what `tutti` alone prints. */
function overview(environment: Environment): string {
  const widest = Math.max(...verbs.map((verb) => verb.name.length));
  const groups = GROUPS.map((group) => {
    const lines = verbs
      .filter((verb) => verb.group === group)
      .map((verb) => `  ${verb.name.padEnd(widest)}  ${verb.summary}`);
    return `${group}:\n${lines.join("\n")}`;
  });
  const options = [
    "Options of every verb:",
    "  -n, --namespace <name>   namespace (TUTTI_NAMESPACE, else default)",
    "  -o, --output <format>    table, wide, name, json or yaml",
    "  -q, --quiet              results only, no progress",
    "      --home <folder>      state folder of the control plane (TUTTI_HOME, else ~/.tutti)",
    "      --no-color           no colours; so does NO_COLOR",
    "  -h, --help               help, also of a verb: tutti up --help",
  ];
  return [
    `tutti ${environment.version}: declare a whole system, see the plan, apply it, keep it true.`,
    "",
    "Usage: tutti <verb> [arguments]",
    "",
    ...groups.flatMap((group) => [group, ""]),
    ...options,
    EXAMPLES,
    EXIT_CODES,
  ].join("\n");
}

function programFor(environment: Environment, verb: string): Command {
  return withGlobals(new Command("tutti"), verb)
    .version(environment.version, "-V, --version", "print the version")
    .enablePositionalOptions(false);
}

function withGlobals(command: Command, verb: string): Command {
  return command
    .option("-n, --namespace <name>", "namespace (TUTTI_NAMESPACE, else default)")
    .addOption(outputOption(verb))
    .option("-q, --quiet", "results only, no progress")
    .option("--home <folder>", "state folder of the control plane (TUTTI_HOME, else ~/.tutti)")
    .option("--no-color", "no colours; so does NO_COLOR");
}

const FORMATS = ["table", "wide", "name", "json", "yaml"];

function outputOption(verb: string): Option {
  const option = new Option("-o, --output <format>", "how to print").choices(FORMATS);
  const { parseArg: parse } = option;
  return verb === "plan"
    ? option.argParser((value: string, before: string) =>
        isOutputFile(value) ? value : (parse?.(value, before) ?? value),
      )
    : option;
}

/** Given before or behind the verb; behind wins. */
function globalsOf(program: Command, command: Command): GlobalOptions {
  const given = [program, command, ...command.commands].map((each) => each.opts<GlobalOptions>());
  return {
    ...Object.assign({}, ...given),
    color: given.every((options) => options.color !== false),
  } as GlobalOptions;
}

function prepared(command: Command, { stdout, stderr }: Environment): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .addHelpText("after", command.parent === null ? EXIT_CODES : "");
}

async function parse(program: Command, argv: readonly string[]): Promise<ExitCode> {
  try {
    await program.parseAsync([...argv], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
