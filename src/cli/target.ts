/** What people type to name things: `api`, `service/api`, `svc api`; with suggestions when there is no such thing. */
import type { Client } from "../client/client.ts";
import { didYouMean, suggest } from "../diagnostics/suggestion.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { findKind, kindWords, kinds } from "../kinds/registry.ts";
import type { Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT, misuse } from "./exit.ts";

/** Refuses with the kind that was probably meant. */
export function kindOf(word: string): AnyKind {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  const meant = suggest(word, kindWords());
  return misuse(
    `There is no kind '${word.slice(0, 60)}'.`,
    meant === undefined
      ? `Kinds: ${kinds.map((known) => known.plural).join(", ")}.`
      : `Did you mean '${meant}'?`,
  );
}

export interface Target {
  readonly kind: AnyKind;
  readonly name: string;
}

/** `service/api`; with `usual`, a name alone is one of that kind. */
export function targetOf(text: string, usual?: string): Target {
  const parts = text.split("/");
  const [word = "", name = ""] = parts;
  if (parts.length === 1 && usual !== undefined && word !== "") return { kind: kindOf(usual), name: word };
  if (parts.length !== 2 || word === "" || name === "")
    misuse(
      `'${text.slice(0, 80)}' names nothing.`,
      `Write <kind>/<name>, for example ${usual?.toLowerCase() ?? "service"}/api.`,
    );
  return { kind: kindOf(word), name };
}

/** The resource, or a failure that suggests the name that was probably meant. */
export async function fetched<R extends Resource = Resource>(
  context: CommandContext,
  target: Target,
  options: { readonly at?: string; readonly reveal?: boolean } = {},
): Promise<R> {
  const client = await context.client();
  const scope = { namespace: context.namespace, signal: context.signal };
  const found = await client.find<R>(target.kind, target.name, { ...scope, ...options });
  return found ?? (await absent(client, target, context, options));
}

async function absent(
  client: Client,
  target: Target,
  context: CommandContext,
  options: { readonly at?: string },
): Promise<never> {
  const names = await namesOf(client, target.kind, context.namespace, options);
  const where = target.kind.namespaced ? ` in the namespace '${context.namespace}'` : "";
  const hint =
    didYouMean(target.name, names) ??
    (names.length === 0
      ? target.kind.namespaced
        ? "There is none there; -n chooses another namespace."
        : "There is none."
      : `There is: ${names.slice(0, 8).join(", ")}${names.length > 8 ? " ..." : ""}.`);
  throw new CommandFailure(
    EXIT.failed,
    `There is no ${target.kind.singular} '${target.name.slice(0, 80)}'${where}${options.at === undefined ? "" : ` at ${options.at}`}.`,
    hint,
  );
}

export async function namesOf(
  client: Client,
  kind: AnyKind,
  namespace: string,
  options: { readonly at?: string } = {},
): Promise<readonly string[]> {
  const { items } = await client.list(kind, {
    ...(kind.namespaced ? { namespace } : {}),
    limit: 1000,
    ...options,
  });
  return items.map((item) => item.metadata.name);
}

/** The only system there is, or the one named; a failure that lists them otherwise. */
export async function systemOf(context: CommandContext, name: string | undefined): Promise<Resource> {
  const text = name?.replace(/^(system|systems|sys)\//, "");
  const kind = kindOf("system");
  if (text !== undefined) return fetched(context, { kind, name: text });
  const client = await context.client();
  const { items } = await client.list(kind, { namespace: context.namespace });
  const [only] = items;
  if (only !== undefined && items.length === 1) return only;
  if (only === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `There is no system in the namespace '${context.namespace}'.`,
      "Declare one: tutti init, then tutti up.",
    );
  return misuse("Say which system.", `There is: ${items.map((item) => item.metadata.name).join(", ")}.`);
}
