import { adoptAll } from "../adopt.ts";
import { firstLine } from "../confirm.ts";
import type { CommandContext } from "../context.ts";
import type { Discovered } from "../../provider/discovery.ts";
import {
  type LookOptions,
  type WriteOptions,
  look,
  withLookOptions,
  withWriteOptions,
} from "../discovery.ts";
import { CommandFailure, EXIT, misuse } from "../exit.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { emit } from "../output.ts";
import { kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { discoveredView, selectorOf } from "../views/discovered.ts";
import { durationOf } from "./up.ts";

interface DiscoverOptions extends LookOptions, WriteOptions {
  readonly kind?: string;
  readonly all?: boolean;
  readonly select?: string;
}

export const verb: Verb = {
  define(command, act) {
    withWriteOptions(withLookOptions(command))
      .option("--kind <kind>", "only what would become resources of this kind")
      .option("--all", "adopt everything that belongs to nobody and can be taken as it is")
      .option("--select <what>", "adopt these, with commas between them: network/shared,volume/files")
      .addHelpText("after", EXAMPLES)
      .action((options: DiscoverOptions) => act((context) => discover(context, options)));
  },
};

const EXAMPLES = `
Lists what is at a Location already and could be adopted. At a terminal it asks what to adopt; with --all or --select it
does so without asking. What is adopted stays as it is; its declaration is written into the folder's files.

Examples:
  $ tutti discover
  $ tutti discover --kind network --select network/shared,network/legacy
  $ tutti discover --kind database --with server.host=db1 --with server.user=admin --with 'server.password=\${secret.db1.admin}'
  $ tutti discover --all --write adopted.yaml
  $ tutti discover -o json`;

async function discover(context: CommandContext, options: DiscoverOptions): Promise<void> {
  const timeout = await durationOf(options.timeout);
  const client = await context.clientStarting(() =>
    context.say("Starting the control plane in the background ..."),
  );
  const kind = options.kind === undefined ? undefined : kindOf(options.kind).kind;
  const items = await look(context, client, options, kind);
  const free = items.filter(({ ownedBy }) => ownedBy === undefined);
  const isChosen = options.all === true || options.select !== undefined;
  if (!isChosen && (!context.isInteractive || context.isStructured || free.length === 0))
    return emit(context, items, () => discoveredView(items, { style: context.style }));
  const chosen = await chosenOf(context, items, free, options);
  if (chosen.length === 0) return context.say("Nothing was adopted.");
  await adoptAll(context, client, chosen, { ...options, timeout });
}

async function chosenOf(
  context: CommandContext,
  items: readonly Discovered[],
  free: readonly Discovered[],
  { all, select }: DiscoverOptions,
): Promise<readonly Discovered[]> {
  if (all === true) return free.filter(({ isMadeAnew }) => !isMadeAnew);
  if (select !== undefined)
    return withNeeds(
      select.split(",").map((word) => selected(word.trim(), items)),
      free,
    );
  context.complain(discoveredView(items, { style: context.errorStyle, numbered: true }));
  const { stdin, stderr } = context.environment;
  stderr.write(`${context.errorStyle.bold("Which are to be adopted?")} [numbers, 'all' or nothing] `);
  return withNeeds(numbered(await firstLine(stdin, context.signal), free), free);
}

/** With the networks and volumes that chosen services name. */
function withNeeds(chosen: readonly Discovered[], free: readonly Discovered[]): readonly Discovered[] {
  const needed = chosen.flatMap(({ kind, declaration }) => {
    if (kind !== "Service") return [];
    const { networks = [], volumes = [] } = declaration.spec as {
      readonly networks?: readonly string[];
      readonly volumes?: readonly { readonly volume: string }[];
    };
    return [...networks.map((name) => `Network/${name}`), ...volumes.map(({ volume }) => `Volume/${volume}`)];
  });
  const also = free.filter((item) => needed.includes(`${item.kind}/${item.declaration.metadata.name}`));
  return [...new Set([...also, ...chosen])];
}

/** By `kind/id`, or by the id alone where it is the only one. */
function selected(word: string, items: readonly Discovered[]): Discovered {
  const found = items.filter((item) => selectorOf(item) === word || item.id === word);
  const [one] = found;
  if (one === undefined)
    return misuse(
      `There is no '${word.slice(0, 80)}' to be adopted.`,
      didYouMean(word, items.map(selectorOf)) ?? "See what there is: tutti discover",
    );
  if (found.length > 1)
    misuse(
      `'${word.slice(0, 80)}' is ${found.map((item) => `${selectorOf(item)} of class ${item.class}`).join(" and ")}.`,
      "Say which with kind/id and --class.",
    );
  if (one.ownedBy !== undefined)
    throw new CommandFailure(
      EXIT.failed,
      `${selectorOf(one)} belongs to ${one.ownedBy} already.`,
      "Let that go first: tutti forget.",
    );
  return one;
}

/** `1,3-5`, `all`, or nothing. */
function numbered(answer: string, free: readonly Discovered[]): readonly Discovered[] {
  const words = answer.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 1 && words[0] === "all") return free;
  const chosen = words.flatMap((word) => {
    const [, from = "", to = from] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === "" || first < 1 || last > free.length || last < first)
      misuse(`'${word.slice(0, 40)}' is no number of the list; nothing was adopted.`);
    return free.slice(first - 1, last);
  });
  return [...new Set(chosen)];
}
