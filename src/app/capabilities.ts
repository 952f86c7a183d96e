/** What a plan has to know of the classes that would carry it out. */
import type { Draft } from "../model/resource.ts";
import type { Capabilities } from "../planner/requests.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Classes } from "./classes.ts";

/** Of a class that nobody has, or that is still to be computed, nothing is known. */
export function capabilitiesOf({ kind, spec }: Draft, classes: Classes): Capabilities {
  const { class: name, location } = (spec ?? {}) as { readonly class?: unknown; readonly location?: unknown };
  if (!classes.kinds.has(kind) || typeof name !== "string" || typeof location !== "string")
    return { canCreateBeforeDestroy: false };
  try {
    const provider = classes.provider(kind, { ...(spec as object), class: name, location });
    return { canCreateBeforeDestroy: provider.canCreateBeforeDestroy === true };
  } catch (error) {
    if (error instanceof TerminalError) return { canCreateBeforeDestroy: false };
    throw error;
  }
}
