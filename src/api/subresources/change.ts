/**
 * What may be done with a Change: look how far it is and what taking it back would be, hold it, have it go on, withdraw it,
 * take it back. What is asked of it is written into its spec; its controller does it.
 */
import { outcomesOf } from "../../controllers/change/index.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import type { Draft } from "../../model/resource.ts";
import { type ChangeResource, type ChangeSpec, stateOf } from "../../planner/change.ts";
import { propose } from "../../planner/propose.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { formatOne } from "../formats.ts";
import { masked } from "../present.ts";
import { existing, formatOptions } from "../read.ts";
import { StatusError, detailsOf, refused } from "../status-error.ts";
import { optionalBody } from "../workflow/body.ts";
import { committed, repeatedly } from "../write.ts";
import { applyAsked } from "./system.ts";

/** As it was written down when it ended; else as its resources tell now. */
export async function stepsOfChange(
  context: ApiContext,
  _call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  const change = existing(context, target) as ChangeResource;
  const isOver = FINAL_STATES.has(stateOf(change));
  const items = (isOver ? change.status?.steps : undefined) ?? outcomesOf(change, context.store);
  return Promise.resolve(ok({ items: masked(items) }));
}

/** The plan that would take it back; its warnings say what does not come back. 422 says why there is none. */
export async function inverseOfChange(
  context: ApiContext,
  _call: Call,
  target: ResourceTarget,
): Promise<Answer> {
  const { plan, diagnostics } = propose({
    ...undoOf(existing(context, target) as ChangeResource),
    resources: [],
    namespace: target.namespace,
    live: context.store,
    keyring: context.keyring,
    capabilities: context.capabilities,
  });
  if (plan === undefined) throw refused(diagnostics);
  return Promise.resolve(ok({ plan: masked(plan) }));
}

function undoOf({ metadata, spec }: ChangeResource): {
  readonly action: "undo";
  readonly undoes: string;
  readonly system: string;
} {
  return { action: "undo", undoes: metadata.name, system: spec.system };
}

/** As `apply` of the System, of the plan that `inverse` gave: the body has its hash. */
export async function undoChange(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = await optionalBody(context, call);
  const change = existing(context, target) as ChangeResource;
  const system = context.kinds.find(({ kind }) => kind === "System") ?? target.kind;
  const asked = { ...body, ...undoOf(change), resources: [] };
  return applyAsked(context, call, { ...target, kind: system, name: change.spec.system }, asked);
}

export function holdChange(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  return asking(context, call, target, "hold", (change) => {
    requireOpen(change, target, "be held");
    return { hold: true };
  });
}

export function resumeChange(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  return asking(context, call, target, "resume", (change) => {
    requireOpen(change, target, "go on");
    const { hold, resumes = 0 } = change.spec;
    if (hold !== true && stateOf(change) !== "Held") throw refusal(target, "is not held");
    return { hold: false, resumes: resumes + 1 };
  });
}

export function cancelChange(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  return asking(context, call, target, "withdraw", (change) => {
    requireOpen(change, target, "be withdrawn");
    if (change.spec.revision !== undefined)
      throw refusal(target, `has begun: hold it, or take it back (tutti undo ${target.name})`);
    return { withdrawn: call.actor.replace(/^user:/, "") };
  });
}

async function asking(
  context: ApiContext,
  call: Call,
  target: ResourceTarget,
  action: string,
  asked: (change: ChangeResource) => Partial<ChangeSpec>,
): Promise<Answer> {
  const resource = await repeatedly(undefined, async () => {
    const change = existing(context, target) as ChangeResource;
    const { status: _status, ...draft } = change;
    const next = { ...draft, spec: { ...change.spec, ...asked(change) } } as Draft;
    const expectedVersion = change.metadata.resourceVersion;
    return committed(context, call, change, { type: "update", resource: next, expectedVersion }, action);
  });
  return { code: 200, body: formatOne(target.kind, resource, formatOptions(context, call)) };
}

function requireOpen(change: ChangeResource, target: ResourceTarget, what: string): void {
  const state = stateOf(change);
  if (FINAL_STATES.has(state)) throw refusal(target, `has ended (${state}), and cannot ${what}`);
}

function refusal({ kind, name }: ResourceTarget, why: string): StatusError {
  return new StatusError(409, "Refused", `The change '${name}' ${why}.`, detailsOf(kind, name));
}
