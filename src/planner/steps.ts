/**
 * The step for one declared resource:
 *
 *   not live: create, or adopt where an existing thing is named
 *   live: no difference -> none (move under another name); else update, or, by what cannot be changed in place:
 *         it differs for certain -> replace; whether it does is known only when something else is ready -> unknown;
 *         its provider says that what is there cannot become it -> replace
 *
 * An `unknown` step is not carried out: it is planned again when what it waits for is ready, and is then one of the others.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { lifecycleOf } from "../kinds/lifecycle.ts";
import type { Resource } from "../model/resource.ts";
import { ADOPT } from "../provider/adoption.ts";
import type { ForeseenChange } from "../provider/provider.ts";
import { type Subject, changeOf, creation, differencesOf } from "./attributes.ts";
import { outcomeOf } from "./consequences.ts";
import type { Difference } from "./diff.ts";
import type { Action, AttributeChange, Step } from "./plan.ts";
import type { Capabilities, Requests } from "./requests.ts";

export interface StepContext {
  readonly needs: (address: string) => readonly string[];
  readonly requests: Requests;
  readonly capabilities: (draft: Subject["target"]) => Capabilities;
}

export function stepOf(subject: Subject, context: StepContext): Step {
  const { address, target, live } = subject;
  const base = {
    address,
    kind: target.kind,
    name: target.metadata.name,
    namespace: target.metadata.namespace ?? "",
    after: context.needs(address),
  };
  if (live === undefined) return { ...base, ...coming(subject, context) };
  const renamed = live.metadata.name !== target.metadata.name;
  const differences = differencesOf(subject, live);
  const { replaceBecause = [], changes = [] } = context.requests.foreseen.get(address) ?? {};
  const isAnew = context.requests.replaces.has(address) || replaceBecause.length > 0;
  const action = judged(differences, isAnew, renamed);
  return {
    ...base,
    action,
    changes: [...differences.map(changeOf), ...changes.map((change) => foreseenChange(change, address))],
    ...(renamed ? { movedFrom: address.replace(/\/.*$/, `/${live.metadata.name}`) } : {}),
    ...(action === "replace" ? replacement(subject, live, differences, context) : {}),
    ...(action === "unknown" ? waiting(differences) : {}),
    baseVersion: live.metadata.resourceVersion,
  };
}

function judged(differences: readonly Difference[], isRequested: boolean, renamed: boolean): Action {
  if (isRequested || differences.some(({ immutable }) => immutable)) return "replace";
  if (differences.some(({ open }) => open === true)) return "unknown";
  if (renamed) return "move";
  return differences.length === 0 ? "none" : "update";
}

function coming(subject: Subject, { requests }: StepContext): Pick<Step, "action" | "changes" | "adopts"> {
  const adopts = requests.adopts.get(subject.address) ?? subject.target.metadata.annotations?.[ADOPT];
  const { changes: foreseen = [] } = requests.foreseen.get(subject.address) ?? {};
  const changes = [
    ...creation(subject),
    ...foreseen.map((change) => foreseenChange(change, subject.address)),
  ];
  return adopts === undefined ? { action: "create", changes } : { action: "adopt", changes, adopts };
}

/** What its provider adds to what is declared. */
function foreseenChange({ unknown, ...change }: ForeseenChange, address: string): AttributeChange {
  return unknown === true ? { ...change, unknownUntil: [address] } : change;
}

function replacement(
  { target, address, before }: Subject,
  live: Resource,
  differences: readonly Difference[],
  { requests, capabilities }: StepContext,
): Partial<Step> {
  const { replaceBecause: foreseen = [] } = requests.foreseen.get(address) ?? {};
  const own = differences.filter(({ immutable }) => immutable).map(({ path }) => path);
  const fixed = [...new Set([...own, ...foreseen])];
  const { canCreateBeforeDestroy } = capabilities(target);
  const wanted = lifecycleOf(target).createBeforeDestroy ?? true;
  return {
    replaceBecause: fixed,
    ...(requests.replaces.has(address) ? { replaceRequested: true } : {}),
    ...(wanted && canCreateBeforeDestroy ? { createBeforeDestroy: true } : {}),
    ...outcomeOf("replace", live, before),
  };
}

function waiting(differences: readonly Difference[]): Pick<Step, "unknownUntil" | "because"> {
  const open = differences.filter((difference) => difference.open === true);
  const until = [...new Set(open.flatMap(({ unknownUntil }) => unknownUntil ?? []))].toSorted();
  const paths = open.map(({ path }) => path).join(" and ");
  return {
    unknownUntil: until,
    because: `Whether it is changed in place or made anew depends on ${paths}, known when ${until.join(" and ")} ${until.length === 1 ? "is" : "are"} ready.`,
  };
}

/** Those that are destroyed first although their declaration wants it the other way round. */
export function destroyedFirst(
  steps: readonly Step[],
  wants: (address: string) => boolean,
): readonly Diagnostic[] {
  return steps
    .filter(({ action, createBeforeDestroy, address }) => {
      return action === "replace" && createBeforeDestroy !== true && wants(address);
    })
    .map(({ address }) => ({
      severity: "warning",
      code: "DestroyedFirst",
      address,
      message: "Its class cannot make the new one while the former is there: the former goes first.",
      hint: "Set spec.lifecycle.createBeforeDestroy to false, or take another class.",
    }));
}
