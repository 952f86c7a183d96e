/**
 * A system as it changes: one watch for each kind it holds, put together into one picture.
 *
 * Invariants
 *  W1 The picture is complete before it is first given: every kind has been listed.
 *  W2 Every later change is followed by a call with the picture that includes it, and with its key. What arrives together
 *     is told together: with thousands of resources, looking at all of them again for each would take as long as making them.
 */
import { ApiError } from "../client/error.ts";
import type { Client, KindName } from "../client/client.ts";
import type { Resource } from "../model/resource.ts";

export interface FollowOptions {
  readonly namespace: string;
  readonly kinds: readonly KindName[];
  readonly labelSelector?: string;
  readonly signal: AbortSignal;
}

export type Picture = ReadonlyMap<string, Resource>;

export function pictureKey(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** Keys of what has changed since the last call; undefined: anything may have. */
export type Changed = ReadonlySet<string> | undefined;

/** Calls `look` with the picture now and after changes, until it gives something, which is the result. */
export async function follow<T>(
  client: Client,
  options: FollowOptions,
  look: (picture: Picture, changed: Changed) => T | undefined,
): Promise<T> {
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const resources = new Map<string, Resource>();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const listed = new Set<string>();
  const gone = new Set<string>();
  let changed: Set<string> | undefined;
  let isWaiting = false;
  const consider = (): void => {
    isWaiting = false;
    if (options.kinds.some(({ kind }) => !listed.has(kind) && !gone.has(kind)) || signal.aborted) return;
    const news = changed;
    changed = new Set();
    try {
      const result = look(resources, news);
      if (result !== undefined) resolve(result);
    } catch (error) {
      reject(error as Error);
    }
  };
  const soon = (): void => {
    if (!isWaiting) setImmediate(consider);
    isWaiting = true;
  };
  const watchKind = async (kind: KindName): Promise<void> => {
    const { labelSelector } = options;
    const scope = kind.namespaced ? { namespace: options.namespace } : {};
    for await (const event of client.watch(kind, {
      ...scope,
      ...(labelSelector === undefined ? {} : { labelSelector }),
      signal,
    })) {
      if (event.type === "LISTED") {
        for (const key of [...resources.keys()].filter((known) => known.startsWith(`${kind.kind}/`)))
          resources.delete(key);
        for (const item of event.items) resources.set(pictureKey(kind.kind, item.metadata.name), item);
        listed.add(kind.kind);
        changed = undefined;
      } else {
        const key = pictureKey(kind.kind, event.object.metadata.name);
        if (event.type === "DELETED") resources.delete(key);
        else resources.set(key, event.object);
        changed?.add(key);
      }
      soon();
    }
  };
  const interrupted = (): void => reject(options.signal.reason as Error);
  options.signal.addEventListener("abort", interrupted, { once: true });
  if (options.signal.aborted) interrupted();
  /** A kind of somebody's own may be gone with the last of it. */
  const without = (kind: KindName, error: unknown): void => {
    if (!(error instanceof ApiError && error.code === 404)) return reject(error as Error);
    const had = [...resources.keys()].filter((known) => known.startsWith(`${kind.kind}/`));
    for (const key of had) resources.delete(key);
    gone.add(kind.kind);
    changed = undefined;
    soon();
  };
  for (const kind of options.kinds) watchKind(kind).catch((error: unknown) => without(kind, error));
  if (options.kinds.length === 0) consider();
  try {
    return await promise;
  } finally {
    options.signal.removeEventListener("abort", interrupted);
    end.abort();
  }
}
