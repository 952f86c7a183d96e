/** `get -w`: a line for what is there and one for every change, until Ctrl-C. */
import type { ListOptions } from "../client/client.ts";
import type { AnyKind } from "../kinds/kind.ts";
import type { Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { structured } from "./output.ts";
import { padded, width } from "./views/style.ts";
import { type ResourceTableOptions, headOf, rowOf } from "./views/table.ts";

export async function watchList(
  context: CommandContext,
  kind: AnyKind,
  query: ListOptions,
  options: ResourceTableOptions,
): Promise<ExitCode> {
  context.listenToInterrupts();
  const client = await context.client();
  const { namespace, labelSelector, fieldSelector } = query;
  const selection = {
    ...(namespace === undefined || !kind.namespaced ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
  const table = growingTable(headOf(kind, options));
  const print = async (resource: Resource, isGone: boolean): Promise<void> => {
    if (context.isStructured) return context.print(await structured(resource, context.output));
    if (context.output === "name") return context.print(`${kind.singular}/${resource.metadata.name}`);
    const cells = rowOf(kind, resource, { ...options, now: context.environment.clock.now() });
    context.print(table(isGone ? [...cells.slice(0, -1), "(deleted)"] : cells));
  };
  for await (const event of client.watch(kind, { ...selection, signal: context.signal })) {
    if (event.type === "LISTED") for (const item of event.items) await print(item, false);
    else await print(event.object, event.type === "DELETED");
  }
  return EXIT.ok;
}

/** Rows under the head, whose columns grow with what comes. */
function growingTable(head: readonly string[]): (cells: readonly string[]) => string {
  const widths = head.map((name) => Math.max(width(name), 8));
  let isFirst = true;
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => padded(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return (cells) => {
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
    const text = isFirst ? `${line(head)}\n${line(cells)}` : line(cells);
    isFirst = false;
    return text;
  };
}
