/** What `import` and `discover` ask a control plane, and how people say where to look. */
import type { Command } from "commander";
import type { Client } from "../client/client.ts";
import type { Discovered, Discovery } from "../provider/discovery.ts";
import type { CommandContext } from "./context.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { misuse } from "./exit.ts";
import { diagnosticsView } from "./views/diagnostics.ts";
import { harmless } from "./views/style.ts";

export interface LookOptions {
  readonly location: string;
  readonly class?: string;
  readonly with?: readonly string[];
}

export interface WriteOptions {
  readonly folder: string;
  readonly write?: string;
  readonly apply: boolean;
  readonly yes?: boolean;
  readonly timeout: string;
}

export function withLookOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  return command
    .option("--location <name>", "where to look: a Location", "local")
    .option("--class <class>", "only what this class knows of")
    .option(
      "--with <path=value>",
      "where to look, as fields of a spec: server.host=db1; may be repeated",
      collect,
    );
}

export function withWriteOptions(command: Command): Command {
  return command
    .option("--folder <folder>", "folder or file of the declaration that it goes into", ".")
    .option("--write <file>", "file of that folder to write to; tutti.yaml or imported.yaml when absent")
    .option("--no-apply", "only write the declaration")
    .option("-y, --yes", "do not ask")
    .option("--timeout <duration>", "how long to wait until everything is ready", "10m");
}

/** Problems are told on standard error. `id`: what is meant, of what its class may not list. */
export async function look(
  context: CommandContext,
  client: Client,
  { location, class: className, with: fields = [] }: LookOptions,
  kind: string | undefined,
  id?: string,
): Promise<readonly Discovered[]> {
  const query = {
    location,
    namespace: context.namespace,
    ...(kind === undefined ? {} : { kind }),
    ...(className === undefined ? {} : { class: className }),
    ...(id === undefined ? {} : { id }),
    ...(fields.length === 0 ? {} : { where: whereOf(fields) }),
  };
  const discovery: Discovery = await client.discover(query, context.signal);
  const { problems, items } = discovery;
  // Who is silent and was not asked for is no trouble of whoever asked: a short line.
  const isMeant = className !== undefined || fields.length > 0 || location !== "local";
  const unmeant = (problem: Diagnostic): boolean => !isMeant && problem.code === "ProviderSilent";
  // Who could not take it is no trouble where somebody can.
  const isThere = items.some((item) => item.id === id);
  const told = problems.filter((problem) => !unmeant(problem) && !(isThere && problem.code === "CannotTake"));
  const style = context.errorStyle;
  if (told.length > 0) context.complain(diagnosticsView(told, { style, cwd: context.environment.cwd }));
  // Nor is who is silent, where what was named is found.
  for (const { message } of isThere ? [] : problems.filter(unmeant))
    context.say(style.dim(harmless(message)));
  return items;
}

/** `server.port=5432` becomes `{server: {port: 5432}}`. */
export function whereOf(fields: readonly string[]): Readonly<Record<string, unknown>> {
  const where: Record<string, unknown> = {};
  for (const field of fields) {
    const at = field.indexOf("=");
    const path = field.slice(0, Math.max(at, 0)).split(".");
    if (path.some((name) => !/^[A-Za-z]\w*$/.test(name)))
      misuse(
        `--with takes path=value, not '${field.slice(0, 40)}'.`,
        "Write for example --with server.host=db1.",
      );
    let place = where;
    for (const name of path.slice(0, -1)) place = (place[name] ??= {}) as Record<string, unknown>;
    place[path.at(-1) ?? ""] = valueOf(field.slice(at + 1));
  }
  return where;
}

function valueOf(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}
