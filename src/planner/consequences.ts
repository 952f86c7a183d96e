/**
 * What becomes of the content of a thing when its resource goes or is made anew, and whether `undo` can bring back what was
 * there: the one place that says so. Undo brings back what was declared; what nobody declared is gone for good.
 */
import { lifecycleOf } from "../kinds/lifecycle.ts";
import { kindNamed } from "../kinds/registry.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { Computed, type World, effective } from "./effective.ts";
import type { Action, Step } from "./plan.ts";
import { isSecret } from "./secrets.ts";

type Outcome = Pick<Step, "loses" | "keeps" | "irreversible">;

/** Of a live resource to which this is done: its spec as it is now decides, for by that it was made. */
export function outcomeOf(action: Action, live: Resource, before: World): Outcome {
  const address = addressOf(live);
  if (action === "forget")
    return {
      keeps: `${address} as it is`,
      irreversible: `${address} is known no longer: to take it back, import it.`,
    };
  if (action !== "delete" && action !== "replace") return {};
  const held = heldBy(live);
  if (action === "delete" && lifecycleOf(live).onDelete === "retain") return { keeps: `${address} as it is` };
  if (held === undefined) return {};
  const what = `${held} of ${address}`;
  if (isRetained(live, before)) return { keeps: what };
  const loses = `${what.charAt(0).toUpperCase()}${what.slice(1)} will be lost.`;
  return { loses, irreversible: loses };
}

/** What it holds that nobody declared, in words. */
function heldBy(live: Resource): string | undefined {
  if (isSecret(live as Draft) && Object.keys((live as { generate?: object }).generate ?? {}).length > 0)
    return "the generated values";
  return kindNamed(live.kind)?.holds;
}

function isRetained(live: Resource, world: World): boolean {
  const retain = effective((live.spec as { readonly retain?: unknown } | undefined)?.retain, world);
  return (retain instanceof Computed ? retain.shown : retain) === true;
}
