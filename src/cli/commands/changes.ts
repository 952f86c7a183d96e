/** What was asked for, by whom, and what came of it. */
import type { ChangeResource } from "../../planner/change.ts";
import { stateOf } from "../../planner/change.ts";
import type { Approval } from "../approval.ts";
import { changeNamed, isChange, isOver } from "../change.ts";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { emit } from "../output.ts";
import { fetched, kindOf, namesOf, systemOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { LABELS } from "../../model/resource.ts";
import { changeView } from "../views/change.ts";
import { resourceTable } from "../views/table.ts";

interface ChangesOptions {
  readonly open?: boolean;
  readonly allNamespaces?: boolean;
}

const EXAMPLES = `
One Change in full: the plan as it was approved, who approved it, how far each step is, how long it took and why it failed,
and what of it can be taken back.

Examples:
  $ tutti changes
  $ tutti changes shop --open
  $ tutti changes shop-5
  $ tutti undo shop-5`;

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[system|change]", "those of a system, or one in full")
      .option("--open", "only what has not ended")
      .option("-A, --all-namespaces", "of all namespaces")
      .addHelpText("after", EXAMPLES)
      .action((word: string | undefined, options: ChangesOptions) =>
        act((context) => changes(context, word, options)),
      );
  },
};

async function changes(
  context: CommandContext,
  word: string | undefined,
  options: ChangesOptions,
): Promise<void> {
  const { namespace, signal } = context;
  const client = await context.client();
  if (word !== undefined && isChange(word))
    return show(context, await fetched(context, { kind: kindOf("change"), name: changeNamed(word) }));
  const one =
    word === undefined || word.includes("/")
      ? undefined
      : await client.find<ChangeResource>(kindOf("change"), word, { namespace, signal });
  if (one !== undefined) return show(context, one);
  const system = word === undefined ? undefined : await systemNamed(context, word);
  return list(context, system, options);
}

/** One that is gone is known by its changes. Fails with what was probably meant, be it a change or a system. */
async function systemNamed(context: CommandContext, word: string): Promise<string> {
  const { namespace, signal } = context;
  const client = await context.client();
  const name = word.replace(/^(system|systems|sys)\//, "");
  const system = await client.find(kindOf("system"), name, { namespace, signal });
  if (system !== undefined) return system.metadata.name;
  const labelSelector = `${LABELS.system}=${name}`;
  const left = await client.list<ChangeResource>(kindOf("change"), { namespace, signal, labelSelector });
  if (left.items.length > 0) {
    const down = left.items.toSorted(newestFirst).find(({ spec }) => spec.action === "down");
    const back = down === undefined ? "" : ` To bring it back: tutti undo ${down.metadata.name}`;
    context.say(`system/${name} is gone.${back}`);
    return name;
  }
  if (word.includes("/")) return (await systemOf(context, word)).metadata.name;
  const [systems, all] = await Promise.all([
    namesOf(client, kindOf("system"), namespace),
    namesOf(client, kindOf("change"), namespace),
  ]);
  throw new CommandFailure(
    EXIT.failed,
    `There is neither a system nor a change '${word.slice(0, 80)}' in the namespace '${namespace}'.`,
    didYouMean(word, [...systems, ...all]) ?? "See all: tutti changes",
  );
}

async function list(
  context: CommandContext,
  system: string | undefined,
  { open = false, allNamespaces = false }: ChangesOptions,
): Promise<void> {
  const kind = kindOf("change");
  const { items } = await (
    await context.client()
  ).list<ChangeResource>(kind, {
    ...(allNamespaces ? {} : { namespace: context.namespace }),
    signal: context.signal,
  });
  const shown = items
    .filter((one) => (system === undefined || one.spec.system === system) && !(open && isOver(one)))
    .toSorted(newestFirst);
  if (shown.length === 0 && !context.isStructured)
    return context.say(open ? "No change is under way." : "There is no change.");
  if (context.output === "name")
    return context.print(shown.map(({ metadata }) => `change/${metadata.name}`).join("\n"));
  await emit(context, shown, () =>
    resourceTable(kind, shown, {
      wide: true,
      namespaces: allNamespaces,
      prefix: false,
      now: context.environment.clock.now(),
    }),
  );
}

/** Those of one second by their numbers. */
function newestFirst({ metadata: a }: ChangeResource, { metadata: b }: ChangeResource): number {
  return (
    b.creationTimestamp.localeCompare(a.creationTimestamp) ||
    b.name.localeCompare(a.name, "en", { numeric: true })
  );
}

async function show(context: CommandContext, change: ChangeResource): Promise<void> {
  const { environment, signal, style } = context;
  const { name, namespace = context.namespace } = change.metadata;
  const scope = { namespace, signal };
  const client = await context.client();
  const [approval, steps] = await Promise.all([
    change.spec.approval === undefined
      ? undefined
      : client.find<Approval>(kindOf("approval"), change.spec.approval, scope),
    client.changes.steps(name, scope),
  ]);
  if (context.output === "name") return context.print(`change/${name}`);
  const columns = environment.stdout.columns ?? 100;
  const now = environment.clock.now();
  await emit(context, { ...change, state: stateOf(change), steps }, () =>
    changeView(change, { style, columns, now, approval, steps }),
  );
}
