/**
 * The plan for a System: a pure function of what is declared and what is live (§4).
 *
 * Data flow: declared resources -> what has another name now (moves.ts) -> the part that is asked for (restriction.ts) -> target
 * of each (target.ts) -> difference to what is live, with expressions evaluated in both worlds (effective.ts) -> step (steps.ts);
 * what the System holds and no longer declares -> delete, in reverse order, after everything that still used it (deletions.ts)
 * -> protection -> summary, hash.
 *
 * Invariants
 *  P1 Only what bears the System's own label is changed or deleted (I9); admission refuses names that others hold.
 *  P2 A resource that comes out as `none` is not written when the plan is carried out, and carrying a plan out leaves
 *     only `none` for the next, and what is still `unknown`.
 *  P3 Every step comes after the steps it names in `after`.
 *  P4 The same declaration against the same base gives the same plan, byte for byte but for `baseVersion` and drift.
 *  P5 No plain text of a secret is in it (I10).
 *  P6 What is protected is neither deleted nor made anew: a plan that would is refused.
 *  P7 What a restricted plan does not touch is not written, and stays in the Revision as it was.
 */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { lifecycleOf } from "../kinds/lifecycle.ts";
import { type Draft, LABELS, type Resource, addressOf, keyOf, rootName } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { deletionsOf } from "./deletions.ts";
import type { Unknown } from "./expansion.ts";
import { MAKING } from "./expected.ts";
import { checkFormerNames } from "./former-names.ts";
import { baseIn, planHash } from "./hash.ts";
import { type Moves, movedIn, resolveMoves } from "./moves.ts";
import { orderOf } from "./order.ts";
import { heldBy, liveSystem } from "./ownership.ts";
import { type Action, type Drifted, NO_STEPS, type Plan, type Step } from "./plan.ts";
import { checkProtected } from "./protection.ts";
import { isSetBack } from "./refreshed.ts";
import { checkReferences } from "./references.ts";
import { type Capabilities, type Requested, checkRequests, meant, requestsOf } from "./requests.ts";
import { byAddress, restrict } from "./restriction.ts";
import { revisionsOf } from "./revisions.ts";
import { destroyedFirst, stepOf } from "./steps.ts";
import { targetOf } from "./target.ts";
import { isKnownSame, noteSame } from "./unchanged.ts";
import { inReverseWaves, inWaves, wavesOf } from "./waves.ts";
import { comingWorld, liveWorld } from "./worlds.ts";

export interface PlanInput {
  readonly system: string;
  readonly namespace: string;
  readonly action: Plan["action"];
  /** As admitted and expanded, the System among them; not looked at for `down`. */
  readonly resources: readonly Draft[];
  readonly live: Snapshot;
  /** For `rollback`: the revision that the resources are taken from. */
  readonly toRevision?: number | undefined;
  /** For `undo`: the Change that is taken back. */
  readonly undoes?: string | undefined;
  /** Warnings of the admission, to be shown with the plan. */
  readonly warnings?: readonly Diagnostic[];
  readonly requested?: Requested;
  /** Renamings; what the System declares when absent. */
  readonly moved?: readonly { readonly from: string; readonly to: string }[];
  /** What expansion could not tell. */
  readonly unknown?: readonly Unknown[];
  readonly capabilities?: ((draft: Draft) => Capabilities) | undefined;
  readonly drift?: ReadonlyMap<string, readonly Drifted[]> | undefined;
}

export interface Planned {
  /** Absent when a diagnostic is an error. */
  readonly plan?: Plan;
  /** Without those given as `warnings`. */
  readonly diagnostics: readonly Diagnostic[];
}

export function planSystem(input: PlanInput): Planned {
  const situation = situationOf(input);
  if (hasErrors(situation.diagnostics)) return { diagnostics: situation.diagnostics };
  const staying = declaredSteps(situation, input);
  const all = [...staying, ...deletions(staying, situation, input)].map((step) => annotated(step, input));
  const steps = staged(all, situation, input);
  const drafts = byAddress(situation.resources);
  const comesFirst = (address: string): boolean => {
    const draft = drafts.get(address);
    // A service is made anew by a rollout, which takes no instance away before its time.
    return (
      draft?.kind !== "Service" && draft !== undefined && lifecycleOf(draft).createBeforeDestroy === true
    );
  };
  const diagnostics = [
    ...situation.diagnostics,
    ...checkProtected(steps, input.live),
    ...checkFormerNames(steps, input.live),
    ...destroyedFirst(steps, comesFirst),
  ];
  if (hasErrors(diagnostics)) return { diagnostics };
  return { plan: planOf(steps, diagnostics, situation, input), diagnostics };
}

/** What is planned, and with what. */
interface Situation {
  readonly resources: readonly Draft[];
  readonly moves: Moves;
  readonly gone: readonly Resource[];
  readonly last: ReadonlyMap<string, Draft>;
  readonly isTouched: (address: string) => boolean;
  readonly former: (address: string) => string;
  /** By present addresses. */
  readonly requested: Requested;
  readonly diagnostics: readonly Diagnostic[];
}

function situationOf(input: PlanInput): Situation {
  const { system, namespace, live } = input;
  const declared = input.action === "down" ? [] : input.resources;
  const drafts = byAddress(declared);
  const held = byAddress(heldBy(live, system, namespace));
  const last = byAddress(revisionsOf(live, system, namespace)[0]?.resources ?? []);
  const moves = resolveMoves(input.moved ?? movedIn(declared), { declared: drafts, held, system });
  const former = (address: string): string => {
    const continued = moves.continued.get(address);
    return continued === undefined ? address : addressOf(continued);
  };
  const known = { declared: drafts, held, continued: moves.continued };
  const requested = meant(input.requested ?? {}, known);
  const found = [...moves.diagnostics, ...checkRequests(requested, known)];
  const gone = [...held.values()].filter((resource) => {
    const address = addressOf(resource);
    return !drafts.has(address) && !moves.former.has(address);
  });
  const everything = { isTouched: () => true, diagnostics: found };
  const whole = { resources: declared, moves, gone, last, former, requested, ...everything };
  const { targets, excludes } = requested;
  if ((targets === undefined && excludes === undefined) || hasErrors(found)) return whole;
  const { isTouched, resources, diagnostics } = restrict({
    targets,
    excludes,
    declared: drafts,
    last,
    held,
    system: `${rootName("System")}/${system}`,
    isSystemLive: liveSystem(live, system, namespace) !== undefined,
    former,
  });
  const openSets = new Set((input.unknown ?? []).map(({ address }) => address));
  const context = { live, system, namespace, openSets };
  const mixture = hasErrors(diagnostics) ? [] : checkReferences(resources, context);
  return {
    ...whole,
    resources,
    gone: gone.filter((resource) => isTouched(addressOf(resource))),
    isTouched,
    diagnostics: [...found, ...diagnostics, ...mixture],
  };
}

function declaredSteps(situation: Situation, input: PlanInput): readonly Step[] {
  const { live } = input;
  const { resources, moves, last, isTouched, former } = situation;
  const subjects = new Map<string, Declared>();
  for (const draft of resources) {
    const address = addressOf(draft);
    const existing = live.get(keyOf(draft)) ?? moves.continued.get(address);
    subjects.set(address, new Declared(draft, existing, last.get(former(address))));
  }
  const pending = new Set<string>();
  const before = liveWorld(input);
  const after = comingWorld(before, {
    target: (address) => subjects.get(address)?.target,
    system: resources.find((draft) => draft.kind === "System"),
    pending: (address) => pending.has(address),
    former,
  });
  const ordered = orderOf(resources);
  const context = {
    needs: (address: string) => ordered.needs(address),
    requests: requestsOf(situation.requested),
    capabilities: input.capabilities ?? ((): Capabilities => ({ canCreateBeforeDestroy: false })),
  };
  const open = new Map((input.unknown ?? []).map((unknown) => [unknown.address, unknown]));
  const changing = new Set<string>();
  const first = ordered.addresses.filter((address) => address.startsWith("system/"));
  const rest = ordered.addresses.filter((address) => !address.startsWith("system/"));
  return [...first, ...rest].flatMap((address) => {
    const subject = subjects.get(address) as Declared;
    const needs = ordered.needs(address);
    const isAsked = context.requests.replaces.has(address);
    if (!isTouched(address) || (!isAsked && subject.isKnownSame && !needs.some((one) => pending.has(one))))
      return untouched(address, subject, needs);
    const { target, live: existing } = subject;
    const known = stepOf({ address, target, live: existing, before, after }, context);
    if (known.action === "none") subject.noteSame();
    const step = withheld(known, open.get(address), (until) => changing.has(until));
    if (MAKING.has(step.action)) pending.add(address);
    if (step.action !== "none") changing.add(address);
    return [step];
  });
}

/** One declared resource, and what there is of it. */
class Declared {
  readonly live: Resource | undefined;
  readonly #draft: Draft;
  readonly #previous: Draft | undefined;
  #target: Draft | undefined;

  constructor(draft: Draft, live: Resource | undefined, previous: Draft | undefined) {
    this.live = live;
    this.#draft = draft;
    this.#previous = previous;
  }

  /** Made when somebody looks at it. */
  get target(): Draft {
    this.#target ??= targetOf({ draft: this.#draft, live: this.live, previous: this.#previous });
    return this.#target;
  }

  /** Of a resource that stays as it is all that is asked. */
  get identity(): Pick<Draft, "kind" | "metadata"> {
    return this.#draft;
  }

  get isKnownSame(): boolean {
    return this.live !== undefined && isKnownSame(this.#draft, this.live, this.#previous);
  }

  noteSame(): void {
    if (this.live !== undefined) noteSame(this.#draft, this.live, this.#previous);
  }
}

/** A set that is there and is declared as it was stays, unless this very plan changes what its members come from. */
function withheld(step: Step, unknown: Unknown | undefined, isChanging: (address: string) => boolean): Step {
  if (unknown === undefined || (step.action === "none" && !unknown.until.some(isChanging))) return step;
  return { ...step, action: "unknown", unknownUntil: unknown.until, because: unknown.because };
}

function untouched(address: string, { identity, live }: Declared, after: readonly string[]): readonly Step[] {
  if (live === undefined) return [];
  const { kind, metadata } = identity;
  const { name, namespace = "" } = metadata;
  const baseVersion = live.metadata.resourceVersion;
  return [{ address, kind, name, namespace, after, action: "none", changes: [], baseVersion }];
}

function deletions(
  staying: readonly Step[],
  { gone, requested }: Situation,
  input: PlanInput,
): readonly Step[] {
  const { live, system, namespace, action } = input;
  return deletionsOf(gone, {
    live,
    before: liveWorld(input),
    staying,
    forget: requestsOf(requested).forget,
    itself: action === "down" ? liveSystem(live, system, namespace) : undefined,
  });
}

function annotated(step: Step, { drift }: PlanInput): Step {
  const found = drift?.get(step.address);
  if (found === undefined || found.length === 0) return step;
  // What others changed is set back, also where nothing is declared anew.
  const action = step.action === "none" && isSetBack(found) ? "update" : step.action;
  return { ...step, action, drift: found };
}

/** What a Change did is taken back everywhere at once. */
function staged(steps: readonly Step[], situation: Situation, input: PlanInput): readonly Step[] {
  const { action, live, system, namespace } = input;
  const place = placeIn(situation, input);
  if (action === "undo") return steps;
  if (action === "down") return inReverseWaves(steps, liveSystem(live, system, namespace), place);
  return inWaves(steps, wavesOf(situation.resources.find(({ kind }) => kind === "System")), place);
}

/** Of what is declared: where it is to be. Of what goes: where it is. */
function placeIn({ resources }: Situation, { live }: PlanInput): (step: Step) => string | undefined {
  const declared = byAddress(resources);
  return ({ address, kind, namespace, name }) =>
    (declared.get(address) ?? live.get({ kind, namespace, name }))?.metadata.labels?.[LABELS.location];
}

function planOf(
  steps: readonly Step[],
  found: readonly Diagnostic[],
  { resources }: Situation,
  input: PlanInput,
): Plan {
  const { system, namespace, action, toRevision, undoes, live, requested = {} } = input;
  const { targets, excludes } = requested;
  const restricted = {
    ...(targets === undefined ? {} : { targets: targets.toSorted() }),
    ...(excludes === undefined ? {} : { excludes: excludes.toSorted() }),
  };
  const content = {
    system,
    namespace,
    action,
    ...(toRevision === undefined ? {} : { toRevision }),
    ...(undoes === undefined ? {} : { undoes }),
    ...(Object.keys(restricted).length === 0 ? {} : { restricted }),
    steps,
    resources,
  };
  const summary: Record<Action, number> = { ...NO_STEPS };
  for (const step of steps) summary[step.action] += 1;
  return {
    ...content,
    summary,
    destructive: summary.delete + summary.replace > 0,
    warnings: [...(input.warnings ?? []), ...found],
    hash: planHash(content, (step) => baseIn(step, live)),
  };
}
