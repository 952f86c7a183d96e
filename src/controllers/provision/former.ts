/**
 * What was there before something was made anew beside it: it goes when nobody uses it any more, that is when all that
 * refers to the resource, directly or not, has come to what the new one gives. What fails on the way keeps it.
 */
import { desiredOf } from "../../controller/desired.ts";
import { resolve } from "../../controller/resolve.ts";
import { isReady } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Key, type Resource, keyText } from "../../model/resource.ts";
import { TerminalError } from "../../provider/provider.ts";
import { checkedPhrases } from "./answer.ts";
import type { Pass, Shared } from "./pass.ts";
import { isOwed } from "./replacement.ts";
import { type Former, type Provisioned, type Spec, record } from "./status.ts";

/** When it cannot be told by what happens in the store. */
const AGAIN = 5_000;

export async function removeFormer(pass: Pass): Promise<{ readonly requeueAfter: number } | undefined> {
  const text = keyText(pass.key);
  const former = pass.latest()?.status?.former ?? [];
  if (former.length === 0) {
    pass.options.waiting.delete(text);
    return undefined;
  }
  if (!areSettled(pass.key, pass.options)) {
    pass.options.waiting.add(text);
    return { requeueAfter: AGAIN };
  }
  await removeAll(pass);
  pass.options.waiting.delete(text);
  return undefined;
}

/** Removes them, and records that they are gone. */
export async function removeAll(pass: Pass): Promise<void> {
  const resource = pass.latest();
  const former = resource?.status?.former ?? [];
  if (resource === undefined || former.length === 0) return;
  for (const one of former) await removeOne(pass, resource, one);
  await record(pass, { remember: { former: undefined } });
}

async function removeOne(
  pass: Pass,
  resource: Provisioned,
  { incarnation, made, adopted }: Former,
): Promise<void> {
  const spec = made as Spec;
  const provider = pass.options.providerOf(resource.kind, spec);
  pass.enter(provider);
  const status = { ...resource.status, made, adopted };
  const kept = await pass.call(provider, "being removed, after it was made anew", (context) =>
    provider.remove(desiredOf({ ...resource, status }, made, incarnation), {
      ...context,
      keepData: spec.retain === true,
    }),
  );
  checkedPhrases(provider, kept);
}

function areSettled(key: Key, options: Shared): boolean {
  const seen = new Set<string>();
  const visit = (one: Key): boolean => {
    for (const dependent of options.dependents.needing(one)) {
      const text = keyText(dependent);
      if (seen.has(text)) continue;
      seen.add(text);
      const resource = options.store.get(dependent);
      if (resource === undefined) continue;
      if (!isSettled(resource, options) || !visit(dependent)) return false;
    }
    return true;
  };
  return visit(key);
}

function isSettled(resource: Resource, options: Shared): boolean {
  if (resource.metadata.deletionTimestamp !== undefined) return false;
  if (!options.kinds.has(resource.kind)) return options.settled?.(resource) ?? true;
  const provisioned = resource as Provisioned;
  const hasFormer = (provisioned.status?.former ?? []).length > 0;
  return !hasFormer && isReady(resource) && !isOwed(provisioned) && isAsResolved(provisioned, options);
}

/** It was made from what it refers to, as that is now. */
function isAsResolved(resource: Provisioned, { resolver }: Shared): boolean {
  const made = resource.status?.made as Spec | undefined;
  try {
    const { spec, waits } = resolve(resource, resolver);
    return waits.length === 0 && equal({ ...(spec as Spec), class: made?.class }, made);
  } catch (error) {
    if (error instanceof TerminalError) return false;
    throw error;
  }
}
