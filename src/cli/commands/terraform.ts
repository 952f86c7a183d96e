/**
 * Tutti as a provider of Terraform: puts the program where Terraform looks for it. What is written is a few lines that start this
 * very Tutti, so nothing has to be done again when it is updated in its place.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";

const SOURCE = "tutti/tutti";
const EXAMPLES = `
Terraform's code declares Tutti's resources: tutti_service, tutti_database, tutti_system and a type for every other kind.

Examples:
  $ tutti terraform install && terraform init
  $ tutti terraform install /srv/terraform/mirror
  $ tutti terraform install --dev >> ~/.terraformrc`;

interface InstallOptions {
  readonly dev?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    command
      .command("install")
      .summary("Put the provider where Terraform looks for it")
      .description("Puts the provider where Terraform looks for it, and prints what to write in its code.")
      .argument("[folder]", "a mirror of providers; the one in your home folder when absent")
      .option("--dev", "put it in a folder of its own, and print the dev_overrides that name it")
      .addHelpText("after", EXAMPLES)
      .action((folder: string | undefined, options: InstallOptions) =>
        act((context) => install(context, folder, options)),
      );
  },
};

async function install(
  context: CommandContext,
  folder: string | undefined,
  { dev = false }: InstallOptions,
): Promise<ExitCode> {
  const { cwd, version, env } = context.environment;
  const given = folder === undefined ? undefined : resolve(cwd, folder);
  const place = dev
    ? (given ?? join((await context.access()).home, "terraform"))
    : mirrored(given ?? join(env["HOME"] ?? homedir(), ".terraform.d", "plugins"), version);
  const file = join(place, dev ? "terraform-provider-tutti" : `terraform-provider-tutti_v${version}`);
  mkdirSync(place, { recursive: true });
  writeFileSync(file, `#!/bin/sh\nexec ${command().map(quoted).join(" ")}\n`);
  chmodSync(file, 0o755);
  await emit(context, { source: SOURCE, version, file }, () =>
    dev ? overrides(place) : requirement(version),
  );
  context.say(
    dev ? "Terraform's own configuration names it so; no 'terraform init' is needed." : `Written: ${file}`,
  );
  return EXIT.ok;
}

const MACHINES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** As `terraform providers mirror` lays it out. */
function mirrored(mirror: string, version: string): string {
  const machine = MACHINES[process.arch] ?? process.arch;
  return join(mirror, "registry.terraform.io", SOURCE, version, `${process.platform}_${machine}`);
}

/** From the sources the script that finds its own Node; else the program that runs now. */
function command(): readonly string[] {
  const script = fileURLToPath(new URL("../../../terraform-provider-tutti", import.meta.url));
  if (existsSync(script)) return [script];
  return [process.execPath, process.argv[1] ?? "", "terraform-provider"];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function requirement(version: string): string {
  return `terraform {
  required_providers {
    tutti = {
      source  = "${SOURCE}"
      version = "${version}"
    }
  }
}`;
}

function overrides(place: string): string {
  return `provider_installation {
  dev_overrides {
    "${SOURCE}" = ${JSON.stringify(place)}
  }
  direct {}
}`;
}
