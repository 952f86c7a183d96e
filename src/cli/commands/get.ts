import type { Client, ListOptions } from "../../client/client.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { kinds } from "../../kinds/registry.ts";
import type { Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { structured } from "../output.ts";
import { fetched, kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { type ResourceTableOptions, resourceTable } from "../views/table.ts";
import { watchList } from "../watch-list.ts";

interface GetOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly at?: string;
  readonly watch?: boolean;
  readonly reveal?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<kinds>", "a kind by any of its names, several with commas, kind/name, or all")
      .argument("[names...]", "names of resources")
      .option("-A, --all-namespaces", "of all namespaces")
      .option("-l, --selector <labels>", "only with these labels: app=web,tier!=cache")
      .option("--field-selector <fields>", "only with these fields: spec.service=api")
      .option("--at <moment>", "as it was: 5m ago, an RFC 3339 time, or a revision")
      .option("-w, --watch", "go on with every change")
      .option("--reveal", "with one resource: open its secret values")
      .addHelpText("after", EXAMPLES)
      .action((word: string, names: string[], options: GetOptions) =>
        act((context) => get(context, word, names, options)),
      );
  },
};

const EXAMPLES = `
Examples:
  $ tutti get services
  $ tutti get svc,lb -o wide
  $ tutti get service/api -o yaml --at 5m
  $ tutti get instances --field-selector spec.service=api -w
  $ tutti get all -A`;

async function get(
  context: CommandContext,
  word: string,
  names: readonly string[],
  options: GetOptions,
): Promise<ExitCode> {
  const targets = targetsOf(word, names);
  if (targets !== undefined) return getNamed(context, targets, options);
  const chosen = kindsOf(word);
  const client = await context.client();
  const query = queryOf(context, options);
  if (options.watch === true) {
    const [only] = chosen;
    if (chosen.length !== 1 || only === undefined)
      misuse("--watch takes one kind.", "Write for example: tutti get instances -w");
    return watchList(context, only, query, tableOptions(context, options, false));
  }
  const lists = await Promise.all(
    chosen.map(async (kind) => ({ kind, items: (await listed(client, kind, query)).items })),
  );
  await show(
    context,
    lists.filter(({ items }) => items.length > 0),
    options,
  );
  if (lists.every(({ items }) => items.length === 0)) nothing(context, chosen, options);
  return EXIT.ok;
}

function nothing(context: CommandContext, chosen: readonly AnyKind[], options: GetOptions): void {
  const isEverywhere = options.allNamespaces === true || chosen.every((kind) => !kind.namespaced);
  if (!context.isStructured)
    context.say(`No resources found${isEverywhere ? "" : ` in the namespace '${context.namespace}'`}.`);
}

async function listed(
  client: Client,
  kind: AnyKind,
  query: ListOptions,
): Promise<{ readonly items: readonly Resource[] }> {
  const { namespace: _namespace, ...everywhere } = query;
  return client.list(kind, kind.namespaced ? query : everywhere);
}

/** `service/api`, `service/api,database/orders`, `service api web`; undefined when it is a list that is asked for. */
function targetsOf(
  word: string,
  names: readonly string[],
): readonly { readonly kind: AnyKind; readonly name: string }[] | undefined {
  const words = [word, ...names].flatMap((text) => text.split(",")).filter((text) => text !== "");
  if (words.some((text) => text.includes("/"))) {
    return words.map((text) => {
      const [kind = "", name = "", more] = text.split("/");
      if (name === "" || more !== undefined)
        misuse(`'${text.slice(0, 80)}' names nothing.`, "Write <kind>/<name>, for example service/api.");
      return { kind: kindOf(kind), name };
    });
  }
  if (names.length === 0) return undefined;
  const kind = kindOf(word);
  return words.slice(1).map((name) => ({ kind, name }));
}

function kindsOf(word: string): readonly AnyKind[] {
  const chosen = word
    .split(",")
    .filter((text) => text !== "")
    .flatMap((text) =>
      text === "all" ? kinds.filter((kind) => kind.categories.includes("all")) : [kindOf(text)],
    );
  return chosen.length === 0
    ? misuse("Say which kind.", "For example: tutti get services")
    : [...new Set(chosen)];
}

function queryOf(context: CommandContext, options: GetOptions): ListOptions {
  return {
    ...(options.allNamespaces === true ? {} : { namespace: context.namespace }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    ...(options.at === undefined ? {} : { at: options.at }),
    signal: context.signal,
  };
}

function readOptions({ at, reveal }: GetOptions): { readonly at?: string; readonly reveal?: boolean } {
  return { ...(at === undefined ? {} : { at }), ...(reveal === undefined ? {} : { reveal }) };
}

async function getNamed(
  context: CommandContext,
  targets: readonly { readonly kind: AnyKind; readonly name: string }[],
  options: GetOptions,
): Promise<ExitCode> {
  if (options.reveal === true && targets.length > 1) misuse("--reveal takes one resource.");
  const read = readOptions(options);
  const items = await Promise.all(
    targets.map(async (target) => ({ kind: target.kind, items: [await fetched(context, target, read)] })),
  );
  const [only] = items;
  if (options.watch === true && only !== undefined) {
    if (items.length > 1) misuse("--watch takes one resource or one kind.");
    const query = { ...queryOf(context, options), fieldSelector: `metadata.name=${targets[0]?.name ?? ""}` };
    return watchList(context, only.kind, query, tableOptions(context, options, false));
  }
  if (context.isStructured && items.length === 1)
    context.print(await structured(only?.items[0], context.output));
  else await show(context, merged(items), options);
  return EXIT.ok;
}

interface Lists {
  readonly kind: AnyKind;
  readonly items: readonly Resource[];
}

function merged(lists: readonly Lists[]): readonly Lists[] {
  const byKind = new Map<AnyKind, Resource[]>();
  for (const { kind, items } of lists) byKind.set(kind, [...(byKind.get(kind) ?? []), ...items]);
  return [...byKind].map(([kind, items]) => ({ kind, items }));
}

async function show(context: CommandContext, lists: readonly Lists[], options: GetOptions): Promise<void> {
  const items = lists.flatMap((list) => list.items);
  if (context.isStructured)
    context.print(await structured({ apiVersion: "v1", kind: "List", items }, context.output));
  else if (context.output === "name")
    context.print(
      lists
        .flatMap(({ kind, items: some }) => some.map((item) => `${kind.singular}/${item.metadata.name}`))
        .join("\n"),
    );
  else
    context.print(
      lists
        .map(({ kind, items: some }) =>
          resourceTable(kind, some, tableOptions(context, options, lists.length > 1)),
        )
        .join("\n\n"),
    );
}

function tableOptions(context: CommandContext, options: GetOptions, prefix: boolean): ResourceTableOptions {
  return {
    wide: context.output === "wide",
    namespaces: options.allNamespaces === true,
    prefix,
    now: context.environment.clock.now(),
  };
}
