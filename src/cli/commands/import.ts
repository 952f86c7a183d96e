import { adoptAll } from "../adopt.ts";
import type { Client } from "../../client/client.ts";
import type { CommandContext } from "../context.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import {
  type LookOptions,
  type WriteOptions,
  look,
  withLookOptions,
  withWriteOptions,
} from "../discovery.ts";
import { CommandFailure, EXIT, misuse } from "../exit.ts";
import { NAME_PATTERN } from "../../model/resource.ts";
import type { Discovered } from "../../provider/discovery.ts";
import { type Target, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { durationOf } from "./up.ts";

interface ImportOptions extends LookOptions, WriteOptions {}

export const verb: Verb = {
  define(command, act) {
    withWriteOptions(withLookOptions(command))
      .argument("<address>", "what it becomes: network/shared")
      .argument("<id>", "what is there, as 'tutti discover' names it")
      .addHelpText("after", EXAMPLES)
      .action((address: string, id: string, options: ImportOptions) =>
        act((context) => importOne(context, targetOf(address), id, options)),
      );
  },
};

const EXAMPLES = `
Adopts one thing that is there already, as it is, and writes its declaration into the folder's files.

Examples:
  $ tutti import network/back shop_back
  $ tutti import volume/files /srv/files
  $ tutti import database/orders orders --with server.host=db1 --with server.user=admin --with 'server.password=\${secret.db1.admin}'
  $ tutti import volume/files files --location docker --no-apply`;

async function importOne(
  context: CommandContext,
  target: Target,
  id: string,
  options: ImportOptions,
): Promise<void> {
  if (!NAME_PATTERN.test(target.name))
    misuse(`'${target.name.slice(0, 80)}' is no name.`, "Use lower-case letters, digits and '-'.");
  const timeout = await durationOf(options.timeout);
  const client = await context.clientStarting(() =>
    context.say("Starting the control plane in the background ..."),
  );
  const found = await foundOf(context, client, { target, id, options });
  const { declaration } = found;
  const metadata = { ...declaration.metadata, name: target.name };
  const named = { ...found, declaration: { ...declaration, metadata } };
  await adoptAll(context, client, [named], { ...options, timeout });
}

interface Wanted {
  readonly target: Target;
  readonly id: string;
  readonly options: ImportOptions;
}

async function foundOf(context: CommandContext, client: Client, wanted: Wanted): Promise<Discovered> {
  const { target, id, options } = wanted;
  const { kind } = target.kind;
  const items = await look(context, client, options, kind, id);
  const same = items.filter((item) => item.id === id);
  const [one] = same;
  if (one === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `There is no ${target.kind.singular} '${id.slice(0, 80)}' to be adopted at the location '${options.location}'.`,
      didYouMean(
        id,
        items.map((item) => item.id),
      ) ?? `See what there is: tutti discover --kind ${target.kind.singular}`,
    );
  if (same.length > 1)
    misuse(
      `'${id.slice(0, 80)}' is there in several classes: ${same.map((item) => item.class).join(", ")}.`,
      "Say which with --class.",
    );
  if (one.ownedBy !== undefined)
    throw new CommandFailure(
      EXIT.failed,
      `The ${target.kind.singular} '${id}' belongs to ${one.ownedBy} already.`,
      "Let that go first: tutti forget.",
    );
  return one;
}
