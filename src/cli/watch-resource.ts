/** One resource, watched until it is as wanted. */
import type { AnyKind } from "../kinds/kind.ts";
import { conditionOf, isReady } from "../model/condition.ts";
import type { Condition, Resource } from "../model/resource.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { follow, pictureKey } from "./follow.ts";

/** Fails with exit code 1 when that takes longer than `timeout` milliseconds, 130 at Ctrl-C, and with what `isDone` throws. */
export async function watchResource(
  context: CommandContext,
  { kind, name, timeout }: { readonly kind: AnyKind; readonly name: string; readonly timeout: number },
  isDone: (resource: Resource) => boolean,
): Promise<Resource> {
  context.listenToInterrupts();
  const address = `${kind.singular}/${name}`;
  const late = new AbortController();
  const timer = context.environment.clock.setTimeout(() => late.abort(), timeout);
  let last: Resource | undefined;
  try {
    return await follow(
      await context.client(),
      {
        namespace: context.namespace,
        kinds: [kind],
        signal: AbortSignal.any([context.signal, late.signal]),
      },
      (picture) => {
        last = picture.get(pictureKey(kind.kind, name));
        if (last === undefined) throw new CommandFailure(EXIT.failed, `${address} is gone.`);
        return isDone(last) ? last : undefined;
      },
    );
  } catch (error) {
    if (context.signal.aborted)
      throw new CommandFailure(
        EXIT.interrupted,
        "Interrupted. The control plane goes on.",
        `See: tutti describe ${address}`,
      );
    if (late.signal.aborted)
      throw new CommandFailure(
        EXIT.failed,
        `${address} is not done after ${Math.round(timeout / 1000)} s: ${(last && conditionTrouble(last)?.message) ?? "it goes on."}`,
        `See: tutti describe ${address}`,
      );
    throw error;
  } finally {
    timer.cancel();
  }
}

/** Why it is not ready; undefined when it is. */
export function conditionTrouble(resource: Resource): Pick<Condition, "reason" | "message"> | undefined {
  if (isReady(resource)) return undefined;
  const condition = conditionOf(resource, "Ready");
  return condition === undefined || condition.status === "True"
    ? { reason: "", message: "Nothing is known of it yet." }
    : condition;
}
