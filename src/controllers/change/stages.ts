/**
 * What a Change that cannot be carried out in one commit commits next: members of a set that has become known, or the next
 * wave. It is planned again from what was declared, and is only what was announced; where the policy says so, people are
 * asked once more about what became known.
 */
import type { Clock } from "../../clock/clock.ts";
import { addressOf } from "../../model/resource.ts";
import {
  type AgainContext,
  type ApprovalPolicy,
  type ChangeResource,
  type ChangeSpec,
  approvalOf,
  changePolicy,
  errorsText,
  isTouched,
  proposeAgain,
} from "../../planner/change.ts";
import { SET } from "../../planner/expansion.ts";
import { liveSystem } from "../../planner/ownership.ts";
import type { Plan, Step } from "../../planner/plan.ts";
import { waveOf } from "../../planner/waves.ts";
import type { Store } from "../../store/store.ts";
import { decisionOn } from "./decided.ts";
import type { Progress } from "./machine.ts";
import type { Tracked } from "./view.ts";
import { type GateBefore, gateBefore } from "./waves.ts";

export interface Staged {
  readonly further: Progress["further"];
  readonly plan?: Plan;
  /** Who has to approve it first. */
  readonly policy?: ApprovalPolicy;
  readonly message?: string;
  /** When it is to be looked at again, milliseconds since the epoch. */
  readonly until?: number;
  /** What has failed is a gate. */
  readonly isStopped?: boolean;
  /** By which a gate goes that has failed, or that was passed over. */
  readonly mark?: string;
}

export interface StageContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly again: AgainContext;
}

/** What would be committed now that more is known, or its wave's turn has come. */
export function stageOf(change: ChangeResource, tracked: Tracked, context: StageContext): Staged {
  const gate = gateBefore(change, tracked, { store: context.store, now: context.clock.now() });
  const staged = stageBehind(gate, change, tracked, context);
  // Once passed over it stays so, however often the Change is resumed.
  return gate?.isPassedOver === true ? { ...staged, mark: gate.mark } : staged;
}

function stageBehind(
  gate: GateBefore | undefined,
  change: ChangeResource,
  tracked: Tracked,
  context: StageContext,
): Staged {
  const { awaited, open } = tracked;
  // Its time may be over although, or because, something of its wave is still open.
  if (gate?.verdict.state === "failed") return stopped(gate);
  const isReady = awaited.size > 0 && [...awaited].every((address) => !isOpen(address, tracked));
  const isBusy = open.size > 0 && !isWaived(gate);
  if (!isReady && isBusy) return whileOpen(gate);
  if (gate !== undefined && awaited.size === 0 && gate.verdict.state !== "passed") return stopped(gate);
  const { plan, diagnostics } = proposeAgain(placed(change), context.again);
  if (plan === undefined)
    return { further: "failed", message: `Its next stage cannot be planned: ${errorsText(diagnostics)}` };
  return ofPlan(change, plan, { gate, isBusy, store: context.store });
}

/** What is still open of its wave is not waited for. */
function isWaived(gate: GateBefore | undefined): boolean {
  return gate?.isPassedOver === true && gate.verdict.state === "passed";
}

function ofPlan(
  change: ChangeResource,
  plan: Plan,
  {
    gate,
    isBusy,
    store,
  }: { readonly gate: GateBefore | undefined; readonly isBusy: boolean; readonly store: Store },
): Staged {
  const touched = plan.steps.filter(isTouched);
  if (touched.length === 0) return { further: "none" };
  const first = waveOf(plan);
  const coming = touched.filter(({ wave }) => first === undefined || wave === undefined || wave <= first);
  // A stage that writes nothing would be followed by the same one.
  if (coming.every(({ action }) => action === "unknown")) return { further: "waits" };
  const foreign = foreignSteps(change, plan, store);
  if (foreign.length > 0) return notAgreed(foreign);
  const next = gate !== undefined && (first ?? 0) > gate.wave ? gate : undefined;
  if (next !== undefined && isBusy) return whileOpen(next);
  return next === undefined || next.verdict.state === "passed" ? asked(change, plan, store) : stopped(next);
}

export function placed(change: ChangeResource): ChangeSpec & { readonly namespace: string } {
  return { ...change.spec, namespace: change.metadata.namespace ?? "default" };
}

/** A gate may have passed while something is still on its way out. */
function whileOpen(gate: GateBefore | undefined): Staged {
  return gate?.verdict.state === "waits" ? stopped(gate) : { further: "waits" };
}

function stopped({ verdict, mark }: GateBefore): Staged {
  if (verdict.state === "waits") return { further: "waits", message: verdict.why, until: verdict.until };
  return verdict.state === "passed"
    ? { further: "ready" }
    : {
        further: "failed",
        message: `The gate of its wave has not passed. ${verdict.why}`,
        isStopped: true,
        mark,
      };
}

function notAgreed(foreign: readonly string[]): Staged {
  const message = `Its next stage would do what was not agreed to: ${foreign.slice(0, 5).join(", ")}. Plan it again.`;
  return { further: "failed", message };
}

/** What was announced by name was agreed to; what became known only now is asked about where the policy says so. */
function asked(change: ChangeResource, plan: Plan, store: Store): Staged {
  const { system, declared = [] } = change.spec;
  const policies = changePolicy(liveSystem(store, system, plan.namespace), declared);
  const policy = policies.stages === "ask" ? approvalOf(policies, plan) : undefined;
  const announced = new Set(change.spec.plan.steps.filter(isKnown).map(({ address }) => address));
  if (policy === undefined || plan.steps.filter(isKnown).every(({ address }) => announced.has(address)))
    return { further: "ready", plan };
  const decision = decisionOn(change.status?.asked, change, plan.hash, store);
  if (decision.state === "Approved") return { further: "ready", plan };
  if (decision.state === "Pending")
    return { further: "waits", message: `Its next stage waits for approval. ${decision.message}` };
  if (decision.state === "Rejected" || decision.state === "Expired")
    return { further: "failed", message: `Its next stage was not approved. ${decision.message}` };
  return { further: "asks", plan, policy };
}

function isKnown({ action }: Step): boolean {
  return action !== "none" && action !== "unknown";
}

/** Addresses that a further stage would touch, and that were announced neither as such nor as members of a set. */
function foreignSteps(change: ChangeResource, plan: Plan, store: Store): readonly string[] {
  const announced = new Set(change.spec.plan.steps.filter(isTouched).map(({ address }) => address));
  const declared = new Map(plan.resources.map((draft) => [addressOf(draft), draft]));
  return plan.steps
    .filter(isTouched)
    .filter(({ address, kind, namespace, name }) => {
      // Of a member that falls away only what is there tells whose it is.
      const member = declared.get(address) ?? store.get({ kind, namespace, name });
      const set = member?.metadata.labels?.[SET];
      return !announced.has(address) && !(set !== undefined && announced.has(`resourceSet/${set}`));
    })
    .map(({ address }) => address);
}

function isOpen(address: string, { steps, open }: Tracked): boolean {
  for (const text of open) if (steps.get(text)?.address === address) return true;
  return false;
}
