/**
 * Asks the engines which exact image each service of a plan means now, and what the files hold that a Resource is made from, so
 * that a tag that moved and a file that was changed show in the plan.
 */
import { type Draft, addressOf } from "../model/resource.ts";
import { pinnedLast, unpinnedIn } from "../planner/pinned.ts";
import type { Plan } from "../planner/plan.ts";
import { probeOf } from "../planner/set-template.ts";
import type { Snapshot } from "../store/store.ts";
import type { Classes } from "./classes.ts";
import { folderOf, providerOf } from "./preflight.ts";

type Spec = Readonly<Record<string, unknown>>;

/**
 * By address; members of a set by that of their set. Where nobody can tell, what was pinned last stays, as long as the
 * declaration names the same image.
 */
export async function pins(
  plan: Plan,
  classes: Classes,
  live: Snapshot,
): Promise<ReadonlyMap<string, string>> {
  const folder = folderOf(plan);
  const found = await Promise.all(
    unpinnedIn(plan.resources).map(async (draft) => {
      const digest = (await askedFor(draft, folder, classes)) ?? pinnedLast(draft, live);
      return digest === undefined ? [] : [[addressOf(draft), digest] as const];
    }),
  );
  return new Map(found.flat());
}

async function askedFor(draft: Draft, folder: string, classes: Classes): Promise<string | undefined> {
  const spec = asOne(draft);
  if (spec === undefined) return undefined;
  const { namespace = "default", name } = draft.metadata;
  try {
    return await providerOf(draft.kind === "Resource" ? "Resource" : "Service", spec, classes)?.pin?.({
      namespace,
      name,
      spec,
      folder,
    });
  } catch (error) {
    // A refusal is the preflight's to report; an engine that is away now may be there when the plan is carried out.
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

/** What a service of it would be, with what its kind fills in; of a set, a member as if it stood alone. */
function asOne(draft: Draft): Spec | undefined {
  if (draft.kind === "Service" || draft.kind === "Resource") return draft.spec as Spec;
  return probeOf(draft).draft?.spec as Spec | undefined;
}
