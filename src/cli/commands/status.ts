import type { AnyKind } from "../../kinds/kind.ts";
import { kindNamed, kinds } from "../../kinds/registry.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { type Picture, follow, pictureKey } from "../follow.ts";
import { live } from "../live.ts";
import { emit } from "../output.ts";
import { columnsOf } from "../screen.ts";
import { addressesIn } from "../settle.ts";
import { kindOf, systemOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { tableText, age } from "../views/table.ts";
import { type Tree, nodeOf, treeView } from "../views/tree.ts";

interface StatusOptions {
  readonly allNamespaces?: boolean;
  readonly watch?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[system]", "name of a system; all systems when absent")
      .option("-A, --all-namespaces", "systems of all namespaces")
      .option("-w, --watch", "with a system: go on showing it")
      .addHelpText(
        "after",
        "\nExits with 1 when a system that was asked for is not ready.\n\nExamples:\n  $ tutti status\n  $ tutti status shop -w\n  $ tutti status shop -o json",
      )
      .action((system: string | undefined, options: StatusOptions) =>
        act((context) =>
          system === undefined ? overview(context, options) : oneSystem(context, system, options),
        ),
      );
  },
};

async function overview(context: CommandContext, options: StatusOptions): Promise<ExitCode> {
  const client = await context.client();
  const { items } = await client.list(
    kindOf("system"),
    options.allNamespaces === true ? {} : { namespace: context.namespace },
  );
  const now = context.environment.clock.now();
  const systems = items.map((system) => summaryOf(system));
  if (systems.length === 0 && !context.isStructured)
    context.say("There is no system yet. Declare one: tutti init, then tutti up.");
  await emit(context, { systems }, () => {
    const rows = systems.map((system, index) => [
      system.name,
      system.state,
      `${system.ready}/${system.resources}`,
      String(system.revision),
      age(items[index]?.metadata.creationTimestamp, now),
      system.urls[0] ?? "-",
    ]);
    const spaces = items.map((system) => system.metadata.namespace ?? "");
    const head = ["NAME", "STATE", "READY", "REVISION", "AGE", "URL"];
    if (rows.length === 0) return "";
    return options.allNamespaces === true
      ? tableText(
          ["NAMESPACE", ...head],
          rows.map((row, index) => [spaces[index] ?? "", ...row]),
        )
      : tableText(head, rows);
  });
  return EXIT.ok;
}

function summaryOf(system: Resource) {
  const status = (system.status ?? {}) as {
    readonly resources?: number;
    readonly readyResources?: number;
    readonly revision?: number;
    readonly urls?: readonly string[];
  };
  const node = nodeOf(system);
  const states = {
    ready: "ready",
    waiting: "not ready",
    failed: "not ready",
    leaving: "going down",
    gone: "gone",
  } as const;
  return {
    name: system.metadata.name,
    namespace: system.metadata.namespace ?? "",
    state: states[node.state],
    ready: status.readyResources ?? 0,
    resources: status.resources ?? 0,
    revision: status.revision ?? 0,
    urls: status.urls ?? [],
  };
}

async function oneSystem(context: CommandContext, name: string, options: StatusOptions): Promise<ExitCode> {
  const { metadata } = await systemOf(context, name);
  if (options.watch === true) return watchSystem(context, metadata.name);
  const picture = await pictureOf(context, metadata.name);
  const tree = treeOf(metadata.name, picture);
  const balancers = [...picture.values()]
    .filter((resource) => resource.kind === "LoadBalancer")
    .map((resource) => resource.metadata.name);
  const urls = addressesIn(picture, balancers, metadata.name);
  const { style, environment } = context;
  await emit(
    context,
    { ...summaryOf(picture.get(pictureKey("System", metadata.name)) as Resource), urls, nodes: tree.nodes },
    () =>
      [
        treeView(tree, { style, columns: columnsOf(environment.stdout) }),
        ...(urls.length === 0 ? [] : ["", ...urls.map((url) => `  ${style.cyan(url)}`)]),
      ].join("\n"),
  );
  return tree.nodes.every((node) => node.state === "ready") ? EXIT.ok : EXIT.failed;
}

function partKinds(): readonly AnyKind[] {
  return kinds.filter((kind) => kind.declarable && kind.namespaced);
}

function isPart(resource: Resource, system: string): boolean {
  return (
    resource.metadata.labels?.[LABELS.system] === system ||
    (resource.kind === "System" && resource.metadata.name === system)
  );
}

async function pictureOf(context: CommandContext, system: string): Promise<Picture> {
  const client = await context.client();
  const lists = await Promise.all(
    partKinds().map((kind) => client.list(kind, { namespace: context.namespace, signal: context.signal })),
  );
  const parts = lists.flatMap((list) => list.items).filter((resource) => isPart(resource, system));
  return new Map(parts.map((resource) => [pictureKey(resource.kind, resource.metadata.name), resource]));
}

function treeOf(system: string, picture: Picture): Tree {
  const rank = new Map(partKinds().map((kind, index) => [kind.kind, index]));
  const parts = [...picture.values()].filter(
    (resource) => resource.kind !== "System" && isPart(resource, system),
  );
  const sorted = parts.toSorted(
    (a, b) =>
      (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0) || (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  return { system, nodes: sorted.map(nodeOf) };
}

async function watchSystem(context: CommandContext, system: string): Promise<ExitCode> {
  context.listenToInterrupts();
  const display = live(context);
  const wanted = [...partKinds().filter((kind) => kind.kind !== "System"), kindNamed("System")].flatMap(
    (kind) => kind ?? [],
  );
  try {
    await follow(
      await context.client(),
      { namespace: context.namespace, kinds: wanted, signal: context.signal },
      (picture): true | undefined => {
        display.show(treeOf(system, picture));
        return picture.has(pictureKey("System", system)) ? undefined : true;
      },
    );
    context.say(`${system} is gone.`);
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    display.finish();
  }
  return EXIT.ok;
}
