/** Get and list. */
import type { AnyKind } from "../kinds/kind.ts";
import { type Resource, keyOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "./api-context.ts";
import { type FormatOptions, formatList, formatOne, wantedFormat } from "./formats.ts";
import { snapshotAt } from "./moment.ts";
import { revealed } from "./present.ts";
import { type Selection, parseSelection } from "./selectors.ts";
import { StatusError, badRequest, notFound } from "./status-error.ts";
import { includeObject } from "./table.ts";

export interface CollectionTarget {
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
}

export function formatOptions(context: ApiContext, call: Call): FormatOptions {
  return {
    format: wantedFormat(call.request),
    keyring: context.keyring,
    now: context.clock.now(),
    includeObject: includeObject(call.query),
  };
}

/** The resource as it is now, or a refusal with NotFound. */
export function existing(context: ApiContext, { kind, namespace, name }: ResourceTarget): Resource {
  const resource = context.store.get({ kind: kind.kind, namespace, name });
  if (resource === undefined) throw notFound(kind, name);
  return resource;
}

export async function get(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const snapshot = await snapshotAt(context.store, call.query, context.clock);
  const resource = snapshot.get({ kind: target.kind.kind, namespace: target.namespace, name: target.name });
  if (resource === undefined) throw notFound(target.kind, target.name);
  if (call.query.get("reveal") === "true") return ok(revealed(resource, context.keyring));
  return ok(formatOne(target.kind, resource, formatOptions(context, call)));
}

/**
 * A list is of one moment, also over several pages: the first page's revision is in the continue token, and later pages
 * are read as of it (410 once that is compacted away).
 */
export async function list(context: ApiContext, call: Call, target: CollectionTarget): Promise<Answer> {
  const selection = selectionOf(call);
  const token = parseContinue(call.query.get("continue"));
  const snapshot = await listSnapshot(context, call, token);
  const found = selected(snapshot, target, selection);
  const from = token === undefined ? 0 : firstAfter(found, token);
  const limit = parseCount(call.query.get("limit"), "limit");
  const page = limit === 0 ? found.slice(from) : found.slice(from, from + limit);
  const last = page.at(-1);
  const remaining = found.length - from - page.length;
  const more =
    remaining > 0 && last !== undefined
      ? {
          continue: continueToken(snapshot.revision, last),
          ...(selection.isEverything ? { remainingItemCount: remaining } : {}),
        }
      : {};
  return ok(
    formatList(
      target.kind,
      page,
      { resourceVersion: String(snapshot.revision), ...more },
      formatOptions(context, call),
    ),
  );
}

export function selectionOf(call: Call): Selection {
  return parseSelection(
    call.query.get("labelSelector") ?? undefined,
    call.query.get("fieldSelector") ?? undefined,
  );
}

/** In order of namespace and name. */
export function selected(
  snapshot: Snapshot,
  { kind, namespace }: CollectionTarget,
  selection: Selection,
): readonly Resource[] {
  const place = namespace === undefined ? {} : { namespace };
  if (selection.name !== undefined && namespace !== undefined) {
    const one = snapshot.get({ kind: kind.kind, namespace, name: selection.name });
    return one !== undefined && selection.matches(one) ? [one] : [];
  }
  const { items } = snapshot.list({ kind: kind.kind, ...place, labels: selection.labels });
  return selection.isEverything ? items : items.filter(selection.matches);
}

async function listSnapshot(context: ApiContext, call: Call, token: Token | undefined): Promise<Snapshot> {
  const { store } = context;
  if (token !== undefined)
    return token.revision === store.revision ? store : store.at({ revision: token.revision });
  const version = parseCount(call.query.get("resourceVersion"), "resourceVersion");
  if (version > store.revision)
    throw new StatusError(
      410,
      "Expired",
      `The resourceVersion ${version} has not been yet: the newest is ${store.revision}.`,
    );
  if (call.query.get("resourceVersionMatch") === "Exact") return store.at({ revision: version });
  return snapshotAt(store, call.query, context.clock);
}

interface Token {
  readonly revision: number;
  readonly namespace: string;
  readonly name: string;
}

function continueToken(revision: number, last: Resource): string {
  const { namespace, name } = keyOf(last);
  return Buffer.from(JSON.stringify([revision, namespace, name])).toString("base64url");
}

function parseContinue(text: string | null): Token | undefined {
  if (text === null || text === "") return undefined;
  try {
    const [revision, namespace, name] = JSON.parse(
      Buffer.from(text, "base64url").toString("utf8"),
    ) as readonly unknown[];
    if (Number.isSafeInteger(revision) && typeof namespace === "string" && typeof name === "string")
      return { revision: revision as number, namespace, name };
  } catch {
    // Not one of ours.
  }
  throw badRequest("The continue token is not valid.");
}

function firstAfter(items: readonly Resource[], token: Token): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { namespace, name } = keyOf(items[middle] as Resource);
    const isAfter = namespace === token.namespace ? name > token.name : namespace > token.namespace;
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A whole number of a query parameter, 0 when absent. */
export function parseCount(text: string | null, name: string): number {
  if (text === null || text === "") return 0;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name}: '${text.slice(0, 40)}' is not a whole number.`);
  return Number(text);
}
