/** What is to be made anew, and in which order with what refers to it. */
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { type Draft, type Key, REQUESTS, keyText } from "../../model/resource.ts";
import type { Provider } from "../../provider/provider.ts";
import type { ProvisionOptions } from "./pass.ts";
import type { Provisioned, Spec } from "./status.ts";

/** Somebody asked for it, and it has not been carried out. */
export function isOwed({ metadata, status }: Provisioned): boolean {
  const asked = metadata.annotations?.[REQUESTS.replace];
  return asked !== undefined && asked !== status?.replaced;
}

/** The new one is made before the former one goes. */
export function comesFirst(resource: Provisioned, provider: Provider): boolean {
  return (
    provider.canCreateBeforeDestroy === true && lifecycleOf(resource as Draft).createBeforeDestroy !== false
  );
}

/** Of what needs this, directly or not: what is to be removed, too, before it is made anew. */
export function firstToGo(key: Key, options: ProvisionOptions): readonly Key[] {
  const found: Key[] = [];
  const seen = new Set<string>();
  const visit = (one: Key): void => {
    for (const dependent of options.dependents.needing(one)) {
      const text = keyText(dependent);
      if (seen.has(text)) continue;
      seen.add(text);
      if (isToGo(options.store.get(dependent) as Provisioned | undefined, options)) found.push(dependent);
      else visit(dependent);
    }
  };
  visit(key);
  return found;
}

function isToGo(resource: Provisioned | undefined, { kinds, providerOf }: ProvisionOptions): boolean {
  if (resource === undefined || !kinds.has(resource.kind)) return false;
  const made = resource.status?.made as Spec | undefined;
  if (made === undefined) return false;
  if (resource.metadata.deletionTimestamp !== undefined) return true;
  if (!isOwed(resource) || lifecycleOf(resource as Draft).paused) return false;
  try {
    const provider = providerOf(resource.kind, made);
    return provider.isInside !== true && !comesFirst(resource, provider);
  } catch {
    // Of a class that is gone: nothing that waiting would mend.
    return false;
  }
}
