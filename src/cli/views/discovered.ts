/** What is there and could be adopted, for people. */
import { kindNamed } from "../../kinds/registry.ts";
import type { Discovered } from "../../provider/discovery.ts";
import { type Style, harmless } from "./style.ts";
import { tableText } from "./table.ts";

/** How people name one: `network/shared`. */
export function selectorOf({ kind, id }: Discovered): string {
  return `${kindNamed(kind)?.singular ?? kind.toLowerCase()}/${id}`;
}

/** `numbered`: those that can be chosen get numbers, from 1. */
export function discoveredView(
  items: readonly Discovered[],
  { style, numbered = false }: { readonly style: Style; readonly numbered?: boolean },
): string {
  if (items.length === 0) return "Nothing is there that could be adopted.";
  let number = 0;
  const rows = items.map((item) => [
    ...(numbered ? [item.ownedBy === undefined ? String((number += 1)) : ""] : []),
    selectorOf(item),
    item.class,
    item.ownedBy === undefined ? "-" : style.dim(harmless(item.ownedBy)),
    harmless(item.description),
  ]);
  return tableText([...(numbered ? ["#"] : []), "WHAT", "CLASS", "OWNED BY", "DESCRIPTION"], rows);
}
