import { resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { EXIT, CommandFailure } from "../exit.ts";
import { emit } from "../output.ts";
import type { ProviderPackages } from "../environment.ts";
import type { Verb } from "../verb.ts";
import { tableText } from "../views/table.ts";

interface Options {
  readonly version?: string;
  readonly folder: string;
}

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    const folder = [
      "-f, --folder <folder>",
      "of the declaration, whose terraform.d/plugins is looked into as well",
      ".",
    ] as const;
    command
      .command("list")
      .summary("List the providers that are on this machine")
      .description(
        "Lists the packages of Terraform's providers that are found on this machine, with their versions.",
      )
      .option(...folder)
      .action((options: Options) => act((context) => list(context, options)));
    command
      .command("lock <source>")
      .summary("Print what holds a Provider to one package")
      .description(
        "Prints the version and the checksums that hold a Provider to the package that is found now.",
      )
      .option("--version <versions>", "which versions will do, e.g. '~> 3.5'; the newest when absent")
      .option(...folder)
      .action((source: string, options: Options) => act((context) => lock(context, source, options)));
    command
      .command("types <source>")
      .summary("Print a TypeScript module of a provider's types")
      .description(
        "Prints a TypeScript module with a function for each type of the provider, made from its schema.",
      )
      .option("--version <versions>", "which versions will do, e.g. '~> 3.5'; the newest when absent")
      .option(...folder)
      .action((source: string, options: Options) => act((context) => types(context, source, options)));
  },
};

const EXAMPLES = `
Nothing is downloaded: packages are where 'terraform providers mirror' and 'terraform init' leave them.

Examples:
  $ tutti provider list
  $ tutti provider lock hashicorp/random --version '~> 3.5'
  $ tutti provider types hashicorp/random > random.ts`;

async function list(context: CommandContext, { folder }: Options): Promise<void> {
  const found = (await packagesOf(context)).list(resolve(context.environment.cwd, folder));
  await emit(context, found, () =>
    found.length === 0
      ? "There are none."
      : tableText(
          ["SOURCE", "VERSIONS"],
          found.map(({ source, versions }) => [source, versions.join(", ")]),
        ),
  );
}

async function lock(context: CommandContext, source: string, { version, folder }: Options): Promise<void> {
  const packages = await packagesOf(context);
  const found = await packages.find(source, version, resolve(context.environment.cwd, folder));
  const locked = { source, version: found.version, checksums: found.checksums };
  await emit(context, locked, () =>
    [
      `source: ${source}`,
      `version: ${found.version}`,
      "checksums:",
      ...found.checksums.map((one) => `  - ${one}`),
    ].join("\n"),
  );
}

async function types(context: CommandContext, source: string, { version, folder }: Options): Promise<void> {
  const packages = await packagesOf(context);
  context.print(await packages.types(source, version, resolve(context.environment.cwd, folder)));
}

async function packagesOf({ environment }: CommandContext): Promise<ProviderPackages> {
  const packages = await environment.providerPackages?.();
  if (packages !== undefined) return packages;
  throw new CommandFailure(EXIT.failed, "Providers of Terraform cannot be looked at from here.");
}
