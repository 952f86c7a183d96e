/** What is not declared any more: removed, kept, or let go of, against the graph; then its finalizer goes. */
import { desiredOf } from "../../controller/desired.ts";
import { eventOperation } from "../../controller/events.ts";
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { type Draft, FINALIZERS, REQUESTS } from "../../model/resource.ts";
import { type Provider, TerminalError } from "../../provider/provider.ts";
import { checkedPhrases } from "./answer.ts";
import { removeAll } from "./former.ts";
import type { Pass } from "./pass.ts";
import type { Provisioned, Spec } from "./status.ts";

export async function remove(pass: Pass): Promise<undefined> {
  const { store, dependents, clock } = pass.options;
  // Deletion runs against the graph: who refers to this goes first.
  for (const dependent of dependents.of(pass.key))
    if (store.get(dependent)?.metadata.deletionTimestamp !== undefined) return undefined;
  await removeAll(pass);
  const kept = await removeMade(pass);
  const latest = pass.latest();
  if (latest === undefined) return undefined;
  const finalizers = (latest.metadata.finalizers ?? []).filter((one) => one !== FINALIZERS.provision);
  const happening = { reason: "Retained", message: `Kept: ${kept.join("; ")}.` };
  await store.commit(
    [
      { type: "update", resource: { ...latest, metadata: { ...latest.metadata, finalizers } } },
      ...(kept.length === 0 ? [] : [eventOperation(store, clock.now(), "provision", latest, happening)]),
    ],
    pass.context.cause("removed"),
  );
  return undefined;
}

/** Resolves with what was kept, one phrase each. */
async function removeMade(pass: Pass): Promise<readonly string[]> {
  const resource = pass.latest();
  if (resource === undefined) return [];
  const spec = (resource.status?.made ?? resource.spec) as Spec;
  const provider = providerOf(pass, resource, spec);
  if (provider === undefined || provider.isInside === true) return [];
  pass.enter(provider);
  const desired = desiredOf(resource, spec);
  const isForgotten = resource.metadata.annotations?.[REQUESTS.forget] === "true";
  if (isForgotten || lifecycleOf(resource as Draft).onDelete === "retain") {
    if (resource.status?.made === undefined) return [];
    await pass.call(provider, "being let go of", async (context) => provider.release?.(desired, context));
    return [`what was made of class '${provider.class}', as it is`];
  }
  const kept = await pass.call(provider, "being removed", (context) =>
    provider.remove(desired, { ...context, keepData: resource.spec.retain === true }),
  );
  return checkedPhrases(provider, kept);
}

/** Undefined for what was never made, and perhaps is not even of a class there is: nothing to take away. */
function providerOf({ options }: Pass, resource: Provisioned, spec: Spec): Provider | undefined {
  const isMade = resource.status?.made !== undefined;
  if (!isMade && JSON.stringify(spec).includes("${")) return undefined;
  try {
    return options.providerOf(resource.kind, spec);
  } catch (error) {
    if (error instanceof TerminalError && !isMade) return undefined;
    throw error;
  }
}
