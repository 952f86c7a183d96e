/**
 * Mutexes and semaphores: a lock is a step that runs as long as it is held, in the pool of its name, so that what runs of
 * other workflows hold counts as well, whatever ends a run gives its locks back, and a restart finds them held.
 *
 *     hold (queued ── slot ──> running) ── begun ──> the template ── aborted ──> hold is over
 *
 * Several are taken in the order of their names, so that nobody waits in a circle.
 */
import { type Lock, type Synchronization, scalarText } from "../manifest.ts";
import type { Variables } from "../variables.ts";
import type { Ground } from "./ground.ts";
import { TemplateError } from "./inputs.ts";
import { fromConfigMap } from "./inputs.ts";

export interface NamedLock {
  readonly name: string;
  readonly slots: number | { readonly configMap: string; readonly key: string };
}

/** What a synchronization names, in order; the same as a pool everywhere. */
export function locksOf(synchronization: Synchronization | undefined, namespace: string): NamedLock[] {
  if (synchronization === undefined) return [];
  const { mutex, mutexes = [], semaphore, semaphores = [] } = synchronization;
  const all = [
    ...[mutex, ...mutexes].filter((one) => one !== undefined).map((one) => mutexOf(one, namespace)),
    ...[semaphore, ...semaphores]
      .filter((one) => one !== undefined)
      .map((one) => semaphoreOf(one, namespace)),
  ];
  return [...new Map(all.map((one) => [one.name, one])).values()].toSorted((one, other) =>
    one.name < other.name ? -1 : 1,
  );
}

function mutexOf(lock: Lock, namespace: string): NamedLock {
  return { name: `mutex/${lock.namespace ?? namespace}/${lock.name ?? ""}`, slots: 1 };
}

function semaphoreOf(lock: Lock, own: string): NamedLock {
  const namespace = lock.namespace ?? own;
  const { configMapKeyRef: reference, database } = lock;
  if (reference !== undefined)
    return {
      name: `semaphore/${namespace}/${reference.name}/${reference.key}`,
      slots: { configMap: reference.name, key: reference.key },
    };
  const key = typeof database === "object" ? database.key : "";
  // The limit of a database's semaphore is no part of the manifest: the pool of its name has it, or it is one at a time.
  return { name: `semaphore/${namespace}/${key}`, slots: 1 };
}

export interface Held {
  release(): void;
}

export interface Taking {
  readonly path: string;
  readonly isExit: boolean;
  readonly variables: Variables;
}

/** Resolves when all are held; undefined when the run ended meanwhile. Throws TemplateError. */
export async function take(
  ground: Ground,
  synchronization: Synchronization | undefined,
  { path, isExit, variables }: Taking,
): Promise<Held | undefined> {
  const release = new AbortController();
  const locks = locksOf(synchronization, ground.namespace);
  for (const [index, { name, slots }] of locks.entries()) {
    const at = `${path}!lock${locks.length > 1 ? `.${index}` : ""}`;
    const count =
      typeof slots === "number"
        ? slots
        : await slotsOf(ground, slots, { path: `${at}.limit`, isExit, variables });
    const signal = AbortSignal.any([release.signal, ground.signalOf(isExit)]);
    const hold = ground.turns.perform(
      `${at}.hold`,
      {
        type: "run",
        command: ["hold"],
        pool: `argo/${name}`,
        input: { argo: "hold", lock: name, slots: count },
      },
      signal,
      isExit,
    );
    ground.background(hold);
    const begun = await ground.work(`${at}.begun`, { argo: "begun", path: `${at}.hold` }, isExit);
    if (begun.is !== "succeeded") {
      release.abort();
      return undefined;
    }
  }
  return { release: () => release.abort() };
}

async function slotsOf(
  ground: Ground,
  { configMap, key }: { readonly configMap: string; readonly key: string },
  { path, isExit, variables }: Taking,
): Promise<number> {
  const parameter = { name: key, valueFrom: { configMapKeyRef: { name: configMap, key } } };
  const { value } = await fromConfigMap(ground, parameter, variables, path, isExit);
  const slots = Number(scalarText(value));
  if (Number.isInteger(slots) && slots >= 0) return slots;
  throw new TemplateError(
    `the limit '${scalarText(value)}' of the semaphore '${configMap}/${key}' is no number`,
  );
}
