/**
 * Plan and apply of a whole system. Apply proposes again and goes on only when it comes to the very plan that was agreed
 * to (I7), and commits it at once: resources, Revision and Change become visible together or not at all (I1).
 */
import { hasErrors } from "../../diagnostics/diagnostic.ts";
import type { Draft } from "../../model/resource.ts";
import { operationsOf } from "../../planner/operations.ts";
import type { Plan } from "../../planner/plan.ts";
import { type ProposeInput, propose } from "../../planner/propose.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import { type Operation, StoreError } from "../../store/store.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { objectBody } from "../body.ts";
import { masked } from "../present.ts";
import { StatusError, badRequest, refused } from "../status-error.ts";
import { bodyOf, causeOf } from "../write.ts";
import { requestedOf } from "./proposed.ts";

/** Statuses are written all the time; each may make a commit's expectations stale without touching the plan. */
const ATTEMPTS = 16;

export async function plan(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const input = await pinned(inputOf(objectBody(await bodyOf(context, call)), context, target), context);
  const made = planOf(input);
  const obstacles = await context.preflight(made);
  if (hasErrors(obstacles)) throw refused(obstacles);
  return ok({ plan: masked({ ...made, warnings: [...made.warnings, ...obstacles] }) });
}

export async function apply(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody(await bodyOf(context, call));
  const { hash } = body;
  if (typeof hash !== "string" || hash === "")
    throw badRequest("Give the hash of the plan that is to be applied.");
  const input = await pinned(inputOf(body, context, target), context);
  for (let attempt = 1; ; attempt += 1) {
    const current = planOf(input);
    if (current.hash !== hash) throw moved(target, current);
    const operations = operationsOf(current, {
      live: context.store,
      actor: call.actor,
      keyring: context.keyring,
    });
    try {
      if (operations.length > 0) await context.store.commit(operations, causeOf(call, current.action));
      return ok({
        plan: masked(current),
        ...recorded(operations, context, target),
        resourceVersion: String(context.store.revision),
      });
    } catch (error) {
      if (!isRace(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** With the exact images that the declaration means at this moment: a tag may have moved since the last plan. */
async function pinned(input: ProposeInput, context: ApiContext): Promise<ProposeInput> {
  if (input.action !== "apply") return input;
  const pins = await context.pins(planOf(input));
  return pins.size === 0 ? input : { ...input, pins };
}

function inputOf(
  body: Readonly<Record<string, unknown>>,
  context: ApiContext,
  target: ResourceTarget,
): ProposeInput {
  const { resources = [], action = "apply", toRevision, folder } = body;
  if (!Array.isArray(resources)) throw badRequest("resources: it must be a list of manifests.");
  if (!isAction(action)) throw badRequest("action: it must be apply, down, rollback or undo.");
  return {
    resources: resources as readonly unknown[],
    system: target.name,
    namespace: target.namespace,
    live: context.store,
    keyring: context.keyring,
    action,
    ...numberOf(toRevision),
    ...folderOf(folder),
    ...requestedOf(body),
  };
}

function isAction(action: unknown): action is Plan["action"] {
  return action === "apply" || action === "down" || action === "rollback" || action === "undo";
}

function numberOf(toRevision: unknown): Pick<ProposeInput, "toRevision"> {
  if (toRevision === undefined) return {};
  if (Number.isSafeInteger(toRevision)) return { toRevision: toRevision as number };
  throw badRequest("toRevision: it must be the number of a revision.");
}

function folderOf(folder: unknown): Pick<ProposeInput, "folder"> {
  if (folder === undefined) return {};
  if (typeof folder === "string") return { folder };
  throw badRequest("folder: it must be a text.");
}

function planOf(input: ProposeInput): Plan {
  const { plan: made, diagnostics } = propose(input);
  if (made === undefined) throw refused(diagnostics);
  return made;
}

function moved(target: ResourceTarget, current: Plan): StatusError {
  const message = `The base has moved: the system ${target.name} would now be changed in another way than by the plan that was agreed to. Plan again.`;
  return new StatusError(409, "Conflict", message, {
    name: target.name,
    kind: "systems",
    group: "tutti.dev",
    causes: [{ reason: "PlanChanged", message: current.hash, field: "hash" }],
    diagnostics: [
      {
        severity: "error",
        code: "BaseMoved",
        address: `system/${target.name}`,
        message,
        hint: "Look at the new plan, then apply that.",
      },
    ],
  });
}

function isRace(error: unknown): boolean {
  return (
    error instanceof StoreError &&
    (error.code === "Conflict" || error.code === "AlreadyExists" || error.code === "NotFound")
  );
}

function recorded(
  operations: readonly Operation[],
  context: ApiContext,
  target: ResourceTarget,
): { readonly revision: number; readonly change?: string } {
  const created = operations.flatMap((operation): readonly Draft[] =>
    operation.type === "create" && operation.resource.kind === "Change" ? [operation.resource] : [],
  );
  const change = created.at(-1);
  if (change === undefined)
    return { revision: revisionsOf(context.store, target.name, target.namespace)[0]?.number ?? 0 };
  return { revision: (change.spec as { readonly revision: number }).revision, change: change.metadata.name };
}
