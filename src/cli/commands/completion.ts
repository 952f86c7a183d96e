import { kindWords, findKind, kinds } from "../../kinds/registry.ts";
import type { CommandContext } from "../context.ts";
import { misuse } from "../exit.ts";
import { namesOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { type Shell, completionScript, shells } from "../views/completion.ts";
import { verbs } from "./index.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<shell>", "bash, zsh or fish")
      .argument("[words...]")
      .addHelpText(
        "after",
        '\nExamples:\n  $ source <(tutti completion bash)\n  $ tutti completion zsh > "${fpath[1]}/_tutti"\n  $ tutti completion fish > ~/.config/fish/completions/tutti.fish',
      )
      .action((shell: string, words: string[]) => act((context) => completion(context, shell, words)));
  },
};

/** `completion words -- <what is typed so far>` is what the scripts call: it prints the candidates, a line each. */
async function completion(context: CommandContext, shell: string, words: readonly string[]): Promise<void> {
  if (shell === "words") return context.print((await candidates(context, words)).join("\n"));
  if (!shells.includes(shell as Shell))
    misuse(`There is no completion for '${shell.slice(0, 40)}'.`, "bash, zsh and fish are known.");
  context.print(completionScript(shell as Shell));
}

const GLOBAL_OPTIONS = ["--namespace", "--output", "--quiet", "--home", "--no-color", "--help"];

async function candidates(context: CommandContext, words: readonly string[]): Promise<readonly string[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1).filter((word) => !word.startsWith("-"));
  const [verbName] = before;
  const starting = (all: readonly string[]): readonly string[] =>
    [...new Set(all)].filter((word) => word.startsWith(current)).toSorted();
  if (verbName === undefined)
    return current.startsWith("-") ? starting(GLOBAL_OPTIONS) : starting(verbs.map((entry) => entry.name));
  if (["-o", "--output"].includes(words.at(-2) ?? ""))
    return starting(["json", "name", "table", "wide", "yaml"]);
  if (["-n", "--namespace"].includes(words.at(-2) ?? "")) return starting(await names(context, "namespace"));
  if (current.startsWith("-")) return starting([...GLOBAL_OPTIONS, ...(await optionsOf(verbName))]);
  return starting(await (OPERANDS[verbName]?.(context, before.slice(1), current) ?? []));
}

async function optionsOf(name: string): Promise<readonly string[]> {
  const entry = verbs.find((candidate) => candidate.name === name);
  if (entry === undefined) return [];
  const { Command } = await import("commander");
  const command = new Command(name);
  (await entry.load()).define(command, () => undefined);
  return command.options.flatMap((option) => option.long ?? []);
}

type Operands = (
  context: CommandContext,
  before: readonly string[],
  current: string,
) => readonly string[] | Promise<readonly string[]>;

const namesFirst =
  (kind: string): Operands =>
  (context, before) =>
    before.length > 0 ? [] : names(context, kind);

/** A kind, then names; or `kind/name`. */
const anything: Operands = async (context, before, current) => {
  const [word = ""] = current.split("/");
  if (current.includes("/")) return (await names(context, word)).map((name) => `${word}/${name}`);
  return before.length === 0 ? kindWords() : names(context, before[0] ?? "");
};

const OPERANDS: Readonly<Record<string, Operands>> = {
  down: namesFirst("system"),
  status: namesFirst("system"),
  open: namesFirst("system"),
  logs: namesFirst("service"),
  exec: namesFirst("service"),
  scale: namesFirst("service"),
  get: anything,
  describe: anything,
  why: anything,
  schema: () => kinds.filter((kind) => kind.declarable).map((kind) => kind.singular),
  completion: () => shells,
  help: () => verbs.map((entry) => entry.name),
  run: namesFirst("workflow"),
  runs: (context, before) =>
    before[0] === "show" ? names(context, "run") : before.length === 0 ? runsWords(context) : [],
  signal: namesFirst("run"),
  pause: namesFirst("run"),
  resume: namesFirst("run"),
  cancel: namesFirst("run"),
  fork: namesFirst("run"),
  approvals: namesFirst("approval"),
  approve: namesFirst("approval"),
  reject: namesFirst("approval"),
  workflow: (_context, before) => (before.length === 0 ? ["test"] : []),
  schedule: (context, before) =>
    before.length === 0
      ? ["backfill", "next", "resume", "suspend", "trigger"]
      : before.length === 1
        ? names(context, "schedule")
        : [],
  rollout: (context, before) =>
    before.length === 0 ? ["history", "restart", "status", "undo"] : names(context, "service"),
};

async function runsWords(context: CommandContext): Promise<readonly string[]> {
  return ["show", ...(await names(context, "workflow"))];
}

/** None where there is no control plane, or no such kind: completion never complains. */
async function names(context: CommandContext, word: string): Promise<readonly string[]> {
  const kind = findKind(word);
  if (kind === undefined) return [];
  try {
    const client = await context.connected();
    return client === undefined ? [] : await namesOf(client, kind, context.namespace);
  } catch {
    return [];
  }
}
