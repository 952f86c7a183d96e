/** Asks the engines which exact image each service of a plan means now, so that a tag that moved shows in the plan. */
import { equal } from "../model/equality.ts";
import { type Draft, addressOf, keyOf } from "../model/resource.ts";
import type { Plan } from "../planner/plan.ts";
import type { Snapshot } from "../store/store.ts";
import type { Classes } from "./classes.ts";
import { folderOf, providerOf } from "./preflight.ts";

type Spec = Readonly<Record<string, unknown>>;

/** By address. Where nobody can tell, what was pinned last stays, as long as the declaration names the same image. */
export async function pins(
  plan: Plan,
  classes: Classes,
  live: Snapshot,
): Promise<ReadonlyMap<string, string>> {
  const folder = folderOf(plan);
  const found = await Promise.all(
    plan.resources.filter(isUnpinned).map(async (draft) => {
      const digest = (await askedFor(draft, folder, classes)) ?? pinnedLast(draft, live);
      return digest === undefined ? [] : [[addressOf(draft), digest] as const];
    }),
  );
  return new Map(found.flat());
}

function isUnpinned({ kind, spec }: Draft): boolean {
  const { image, build, digest } = (spec ?? {}) as Spec;
  return kind === "Service" && digest === undefined && (image !== undefined || build !== undefined);
}

async function askedFor(draft: Draft, folder: string, classes: Classes): Promise<string | undefined> {
  const spec = draft.spec as Spec;
  // What is still to be computed is pinned when it is known.
  if (JSON.stringify([spec["image"], spec["build"]]).includes("${")) return undefined;
  const { namespace = "default", name } = draft.metadata;
  try {
    return await providerOf("Service", spec, classes)?.pin?.({ namespace, name, spec, folder });
  } catch (error) {
    // A refusal is the preflight's to report; an engine that is away now may be there when the plan is carried out.
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

function pinnedLast(draft: Draft, live: Snapshot): string | undefined {
  const before = live.get(keyOf(draft))?.spec as Spec | undefined;
  const now = draft.spec as Spec;
  const isSame =
    before !== undefined && ["image", "build"].every((field) => equal(before[field], now[field]));
  return isSame && typeof before["digest"] === "string" ? before["digest"] : undefined;
}
