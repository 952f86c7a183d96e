/**
 * From what is there to a system that holds it, for `import` and `discover`:
 *
 *   Discovered --declarations written--> loaded --planned for these addresses only--> shown --applied--> ready
 *
 *  - What is wrong before it is committed takes the written lines back: the files are as they were.
 *  - Only what is imported is applied; whatever else the declaration would change waits for `tutti up`.
 */
import { relative, resolve } from "node:path";
import type { Client } from "../client/client.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import type { Discovered } from "../provider/discovery.ts";
import type { CommandContext } from "./context.ts";
import {
  type DeclarationOptions,
  type Planned,
  applyPlan,
  approve,
  isEmpty,
  loadDeclaration,
  planDeclaration,
  showPlan,
} from "./declaration.ts";
import { begunRevision } from "./change.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { emit } from "./output.ts";
import { settle } from "./settle.ts";
import { type Written, append, fileFor, programText } from "./written.ts";

export interface AdoptOptions extends Omit<DeclarationOptions, "location"> {
  /** Of the declaration. */
  readonly folder: string;
  /** The file that the declarations go into. */
  readonly write?: string;
  /** False: only written. */
  readonly apply?: boolean;
  readonly yes?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

export async function adoptAll(
  context: CommandContext,
  client: Client,
  items: readonly Discovered[],
  options: AdoptOptions,
): Promise<void> {
  const path = resolve(context.environment.cwd, options.folder);
  const file = fileFor({ path, ...(options.write === undefined ? {} : { file: options.write }) });
  const taken = items.filter(({ isMadeAnew }) => !isMadeAnew);
  const anew = items.filter(({ isMadeAnew }) => isMadeAnew);
  if (file === undefined)
    return toPaste(
      context,
      items.map(({ declaration }) => declaration),
    );
  if (taken.length > 0) await adoptThem(context, client, { items: taken, file, options });
  if (anew.length > 0) await writeOnly(context, file, anew, options.folder);
}

/** What is made anew is for people to look at before it is: what they run goes on beside it. */
async function writeOnly(
  context: CommandContext,
  file: string,
  items: readonly Discovered[],
  folder: string,
): Promise<void> {
  await append(
    file,
    items.map(({ declaration }) => declaration),
  );
  for (const remark of new Set(items.flatMap(({ remarks = [] }) => remarks))) context.say(remark);
  context.say(
    `Wrote ${shownAs(context, file)}; nothing of it was made yet. Look at it, then: tutti up ${folder}`,
  );
}

function shownAs(context: CommandContext, file: string): string {
  return relative(context.environment.cwd, file) || file;
}

interface Adopting {
  readonly items: readonly Discovered[];
  readonly file: string;
  readonly options: AdoptOptions;
}

async function adoptThem(
  context: CommandContext,
  client: Client,
  { items, file, options }: Adopting,
): Promise<void> {
  const drafts = items.map(({ declaration }) => declaration);
  const written = await append(file, drafts);
  const shown = shownAs(context, file);
  const addresses = drafts.map((draft) => addressOf({ ...draft, namespace: "" }));
  for (const remark of new Set(items.flatMap(({ remarks = [] }) => remarks))) context.say(remark);
  if (options.apply === false) {
    await emit(context, { file, addresses }, () => "");
    context.say(`Wrote ${shown}. Look at it, then: tutti up ${options.folder}`);
    return;
  }
  const planned = await plannedOrUndone(context, client, { written, addresses, options });
  context.say(`Wrote ${shown}.`);
  context.listenToInterrupts();
  await carriedOut(context, client, planned, { written, timeout: options.timeout });
  const adopted = items.map(({ id }, index) => ({ address: addresses[index], id }));
  await emit(context, { system: planned.plan.system, file, adopted }, () =>
    adopted.map(({ address, id }) => `adopted  ${address}  ${id}`).join("\n"),
  );
  context.say("They stay where they are when their declarations go (lifecycle.onDelete: retain).");
}

/** Until it is so; an approval that it needs is waited for as well. */
async function carriedOut(
  context: CommandContext,
  client: Client,
  planned: Planned,
  { written, timeout }: { readonly written: Written; readonly timeout: number },
): Promise<void> {
  const { plan } = planned;
  if (isEmpty(plan)) return;
  const applied = await applyPlan(context, client, planned).catch((error: unknown) => {
    // Refused as a whole. Where nobody knows what became of it, the declaration stays.
    if (error instanceof CommandFailure && error.code === EXIT.conflict) written.undo();
    throw error;
  });
  const { namespace } = plan;
  const revision = await begunRevision(context, client, applied, { namespace, wait: true });
  await settle(context, client, { plan, revision: revision ?? 0, timeout, change: applied.change });
}

async function plannedOrUndone(
  context: CommandContext,
  client: Client,
  {
    written,
    addresses,
    options,
  }: {
    readonly written: Written;
    readonly addresses: readonly string[];
    readonly options: AdoptOptions;
  },
): Promise<Planned> {
  try {
    const { set, values } = options;
    const loaded = await loadDeclaration(context, options.folder, {
      ...(set === undefined ? {} : { set }),
      ...(values === undefined ? {} : { values }),
    });
    const planned = await planDeclaration(context, client, loaded, { targets: addresses });
    showPlan(context, planned.plan);
    await approve(context, planned.plan, options.yes ?? false);
    return planned;
  } catch (error) {
    written.undo();
    throw error;
  }
}

async function toPaste(context: CommandContext, drafts: readonly Draft[]): Promise<void> {
  await emit(context, drafts, () => programText(drafts));
  context.say("This declaration is a program: put that into it, then: tutti up");
}
