/**
 * Plan and apply of a whole system. Apply proposes again and goes on only when it comes to the very plan that was agreed
 * to (I7), be it from the declaration or from a saved plan, and commits it at once: resources, Revision and Change become
 * visible together or not at all (I1). What needs approval, or has to wait for its turn, becomes a Change that waits.
 */
import { type Diagnostic, hasErrors } from "../../diagnostics/diagnostic.ts";
import type { Draft } from "../../model/resource.ts";
import {
  type Moved,
  type OnFailure,
  movedSince,
  movedText,
  outlineOf,
  requestOf,
} from "../../planner/change.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import type { Plan } from "../../planner/plan.ts";
import { type ProposeInput, propose } from "../../planner/propose.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import { readSaved, savedPlan } from "../../planner/saved.ts";
import { type Operation, StoreError } from "../../store/store.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { objectBody } from "../body.ts";
import { masked } from "../present.ts";
import { StatusError, badRequest, refused } from "../status-error.ts";
import { causeOf, declarationOf, isDryRun } from "../write.ts";
import { requestedOf, sinceIn } from "./proposed.ts";

/** Why an apply without the declaration (`planned`) is refused: it is sent again with it. */
const PLAN_FORGOTTEN = "PlanForgotten";

/** Statuses are written all the time; each may make a commit's expectations stale without touching the plan. */
const ATTEMPTS = 16;

export async function plan(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody(await declarationOf(context, call));
  const [pinnedInput, found] = await Promise.all([
    pinned(inputOf(body, context, target), context),
    context.refresh({ system: target.name, namespace: target.namespace, ...sinceIn(body) }),
  ]);
  const asking = { ...pinnedInput, drift: found.drift };
  const { input, diagnostics, plan: made, declared } = await foreseen(asking, context);
  const request = requestOf(input, made);
  const { system, namespace, action } = input;
  const asked = { ...request, resources: [], admitted: declared, system, namespace, action };
  context.remembered.put(
    made.hash,
    { drift: found.drift, foreseen: input.foreseen ?? {} },
    asked,
    outlineOf(made, context.store),
  );
  const obstacles = await context.preflight(made);
  if (hasErrors(obstacles)) throw refused(obstacles);
  const shown = { ...made, warnings: [...made.warnings, ...found.warnings, ...diagnostics, ...obstacles] };
  if (body["save"] !== true) return ok({ plan: answered(shown, body) });
  const { store: live, keyring, version } = context;
  return ok({
    plan: masked(shown),
    saved: savedPlan({ plan: shown, declared, request, live, keyring, version }),
  });
}

/** Planned with what providers say would come of it. */
async function foreseen(
  input: ProposeInput,
  { foresee }: Pick<ApiContext, "foresee">,
): Promise<
  ReturnType<typeof planOf> & { readonly input: ProposeInput; readonly diagnostics: readonly Diagnostic[] }
> {
  const first = planOf(input);
  const { foreseen: said, diagnostics } = await foresee(
    first.plan,
    (so) => planOf({ ...input, foreseen: so }).plan,
  );
  if (hasErrors(diagnostics)) throw refused(diagnostics);
  if (Object.keys(said).length === 0) return { ...first, input, diagnostics };
  const asked = { ...input, foreseen: said };
  return { ...planOf(asked), input: asked, diagnostics };
}

/** `brief`: without what stays as it is, and without the resources themselves, for who looks at what is to be done only. */
function answered(made: Plan, { brief }: Readonly<Record<string, unknown>>): unknown {
  if (brief !== true) return masked(made);
  return masked({ ...made, steps: made.steps.filter(({ action }) => action !== "none"), resources: [] });
}

/**
 * Commits the plan; where the System's policies say that it has to wait for people or for its turn, the Change alone
 * (202), which is committed when its time has come. With `dryRun=All` only whether it would be: everything is asked, and
 * nothing is written.
 */
export async function apply(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  return applyAsked(context, call, target, objectBody(await declarationOf(context, call)));
}

export async function applyAsked(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  body: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const { saved } = body;
  const { input, agreed, stale } =
    saved === undefined ? await declaredIn(body, context, target) : savedIn(saved, context, target);
  const onFailure = onFailureOf(body);
  // Between a plan that was saved and now, providers may have changed their mind.
  if (saved !== undefined) await refuseObstacles(planOf(input).plan, agreed, context);
  // What was found when it was planned: it is set back with the rest, and not looked for again.
  const drift = context.remembered.driftOf(agreed);
  for (let attempt = 1; ; attempt += 1) {
    const { plan: current, declared } = planOf(drift === undefined ? input : { ...input, drift });
    if (current.hash !== agreed) throw moved(target, current, stale(current));
    const { operations, ...submission } = submissionOf({
      plan: current,
      declared,
      request: requestOf(input, current),
      actor: call.actor,
      live: context.store,
      keyring: context.keyring,
      ...onFailure,
    });
    try {
      await commitUnlessDry(operations, context, call, current.action);
      return {
        code: submission.state === "Pending" || submission.state === "Queued" ? 202 : 200,
        body: {
          plan: answered(current, body),
          revision: newestRevision(context, target),
          ...submission,
          resourceVersion: String(context.store.revision),
        },
      };
    } catch (error) {
      if (!isRace(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function commitUnlessDry(
  operations: readonly Operation[],
  { store }: ApiContext,
  call: Call,
  action: string,
): Promise<void> {
  if (isDryRun(call) || operations.length === 0) return;
  await store.commit(operations, causeOf(call, action));
}

/** A plan that has moved is refused for that. */
async function refuseObstacles(current: Plan, agreed: string, context: ApiContext): Promise<void> {
  if (current.hash !== agreed) return;
  const obstacles = await context.preflight(current);
  if (hasErrors(obstacles)) throw refused(obstacles);
}

interface Agreed {
  readonly input: ProposeInput;
  /** Hash of what was agreed to. */
  readonly agreed: string;
  /** What has moved, when it is another plan by now; nothing when nobody knows. */
  readonly stale: (current: Plan) => readonly Moved[];
}

async function declaredIn(
  body: Readonly<Record<string, unknown>>,
  context: ApiContext,
  target: ResourceTarget,
): Promise<Agreed> {
  const { hash } = body;
  if (typeof hash !== "string" || hash === "")
    throw badRequest("Give the hash of the plan that is to be applied.");
  const outline = context.remembered.outlineOf(hash);
  const stale: Agreed["stale"] = (current) =>
    outline === undefined ? [] : movedSince(outline, context.store, current);
  if (body["planned"] === true) return { input: plannedIn(hash, context, target), agreed: hash, stale };
  const input = await pinned(inputOf(body, context, target), context);
  const said = context.remembered.foreseenOf(hash) ?? (await foreseen(input, context)).input.foreseen;
  return { input: said === undefined ? input : { ...input, foreseen: said }, agreed: hash, stale };
}

/** What the plan of this hash was made from, when it was made here and not long ago. */
function plannedIn(hash: string, context: ApiContext, target: ResourceTarget): ProposeInput {
  const declared = context.remembered.declaredOf(hash);
  if (declared?.system !== target.name || declared.namespace !== target.namespace)
    throw new StatusError(409, "Conflict", "That plan is not remembered: send what is declared as well.", {
      causes: [{ reason: PLAN_FORGOTTEN, message: hash, field: "planned" }],
    });
  const { store: live, keyring, capabilities } = context;
  return { ...declared, live, keyring, capabilities };
}

function savedIn(value: unknown, context: ApiContext, target: ResourceTarget): Agreed {
  const { saved, diagnostic } = readSaved(value, context);
  if (saved === undefined) throw refused([diagnostic]);
  if (saved.system !== target.name || saved.namespace !== target.namespace)
    throw badRequest(`The plan is for the system ${saved.system} in the namespace ${saved.namespace}.`);
  const { system, namespace, action, request, declared } = saved;
  const { store: live, keyring, capabilities } = context;
  const again = { ...request, resources: [], admitted: declared, system, namespace, action };
  return {
    input: { ...again, live, keyring, capabilities },
    agreed: saved.hash,
    stale: (current) => movedSince(saved, live, current),
  };
}

function onFailureOf({ onFailure }: Readonly<Record<string, unknown>>): { readonly onFailure?: OnFailure } {
  if (onFailure === undefined) return {};
  if (onFailure === "continue" || onFailure === "hold" || onFailure === "rollBack") return { onFailure };
  throw badRequest("onFailure: it must be continue, hold or rollBack.");
}

function newestRevision({ store }: ApiContext, { name, namespace }: ResourceTarget): number {
  return revisionsOf(store, name, namespace)[0]?.number ?? 0;
}

/** With the exact images and files that the declaration means at this moment: they may have changed since the last plan. */
async function pinned(input: ProposeInput, context: ApiContext): Promise<ProposeInput> {
  if (input.action !== "apply" || !input.resources.some(mayHaveImage)) return input;
  const pins = await context.pins(planOf(input).plan);
  return pins.size === 0 ? input : { ...input, pins };
}

/** Only services have images, and sets may be of services. What a tool works on is a Resource of a class that is named. */
function mayHaveImage(manifest: unknown): boolean {
  const { kind, spec } = (manifest ?? {}) as {
    readonly kind?: unknown;
    readonly spec?: { readonly class?: unknown } | null;
  };
  if (kind === "Resource") return spec?.class !== undefined && spec.class !== "data";
  return kind === "Service" || kind === "ResourceSet";
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
    capabilities: context.capabilities,
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

function planOf(input: ProposeInput): { readonly plan: Plan; readonly declared: readonly Draft[] } {
  const { plan: made, declared = [], diagnostics } = propose(input);
  if (made === undefined) throw refused(diagnostics);
  return { plan: made, declared };
}

function moved(target: ResourceTarget, current: Plan, what: readonly Moved[]): StatusError {
  const message = `The base has moved: the system ${target.name} would now be changed in another way than by the plan that was agreed to. ${what.length === 0 ? "Plan again." : movedText(what)}`;
  return new StatusError(409, "Conflict", message, {
    name: target.name,
    kind: "systems",
    group: "tutti.dev",
    causes: [
      { reason: "PlanChanged", message: current.hash, field: "hash" },
      ...what.map(({ address, message: how }) => ({ reason: "Moved", message: how, field: address })),
    ],
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
