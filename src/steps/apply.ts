/**
 * `apply`: declares a System anew, as `tutti apply` does, and waits until what was changed is as it should be.
 *
 *     load | given | as it is now | an earlier revision ──▶ propose ──▶ plan ──▶ Change, at once or when its time has come ──▶ Succeeded
 *                                                                       └──dry run──▶ what would be changed
 *
 *  - The Change bears the identity of the step and its try: a second attempt finds it and waits on (I3). A plan with
 *    nothing to do makes none; the Change before it is waited for then.
 *  - The step itself asks nobody: a workflow that wants a yes puts an approval of a dry run before, and names its plan's hash.
 *    What the System's policies ask for is waited for: approval, its turn, and then the end.
 *  - A rollout that failed, or went back, is the failure of the step; a later Change of the System supersedes it.
 *  - `previous` is the revision before the step did anything, in whichever try: going back to it undoes the step.
 */
import { createHash } from "node:crypto";
import { formatDiagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import type { Condition, Draft, Key, Resource } from "../model/resource.ts";
import { LABELS, addressOf } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import { type ChangeResource, type ChangeState, requestOf, stateOf } from "../planner/change.ts";
import { type Submission, submissionOf } from "../planner/change-operations.ts";
import { type Foresee, type Foresight, NOTHING_FORESEEN } from "../planner/foreseen.ts";
import { summaryOf } from "../planner/operations.ts";
import { liveSystem } from "../planner/ownership.ts";
import type { Plan } from "../planner/plan.ts";
import { type ProposeInput, propose } from "../planner/propose.ts";
import { revisionsOf } from "../planner/revisions.ts";
import { type Operation, type Store, StoreError } from "../store/store.ts";
import type { ApplyStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf } from "../workflow/step/attempt.ts";
import { actorOf, causeOf } from "../workflow/step/cause.ts";
import { pathIn, workflowFolder } from "../workflow/step/folder.ts";
import { untilSeen } from "../workflow/step/until.ts";

export interface LoadedSystem {
  readonly system: Draft;
  readonly resources: readonly Draft[];
  readonly folder: string;
  readonly diagnostics: readonly Parameters<typeof formatDiagnostic>[0][];
}

export interface ApplyStepOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  /** What a file or folder declares, with these values of its parameters (sdk/load.ts). */
  readonly load: (path: string, values: Readonly<Record<string, unknown>>) => Promise<LoadedSystem>;
  /** The exact images that a plan's services mean now, by address. */
  readonly pins?: (plan: Plan) => Promise<ReadonlyMap<string, string>>;
  /** What a plan has to know of the class of a resource; nothing is known when absent. */
  readonly capabilities?: ProposeInput["capabilities"];
  /** What stands against it. */
  /** Nothing is foreseen when absent. */
  readonly foresee?: Foresee;
  readonly preflight?: (plan: Plan) => Promise<readonly Parameters<typeof formatDiagnostic>[0][]>;
}

export interface ApplyResult {
  /** The name of the Change; null when there was nothing to do, or it was a dry run. */
  readonly change: string | null;
  readonly revision: number;
  /** The revision before; null when there was none. */
  readonly previous: number | null;
  /** Where people reach it: URLs of its load balancers, in the order in which they are declared. */
  readonly addresses: readonly string[];
  readonly plan: PlanResult;
}

/** Without any value: those may be secret, and a plan is shown. */
interface PlanResult {
  readonly summary: Plan["summary"];
  /** `2 to create, 1 to update`. */
  readonly text: string;
  readonly hash: string;
  /** What is done to which resource, the first thousand, and the fields that change. */
  readonly steps: readonly {
    readonly action: string;
    readonly address: string;
    readonly changes: readonly string[];
  }[];
}

/** By which the Changes of a step are found again, and that of the try. */
const STEP = "tutti.dev/step";
const TRY = "tutti.dev/try";
const MOST_STEPS = 1_000;
/** Statuses are written all the time; each may make a commit's expectations stale without touching the plan. */
const ATTEMPTS = 16;

interface Declaration {
  readonly resources: readonly unknown[];
  readonly folder?: string;
  /** The revision that is declared again. */
  readonly back?: number;
  /** They were admitted before. */
  readonly isAdmitted: boolean;
}

export function applySteps(options: ApplyStepOptions): StepType {
  return { execute: (attempt) => apply(attempt, options) };
}

async function apply(attempt: Attempt, options: ApplyStepOptions): Promise<ApplyResult> {
  const { store } = options;
  const place = placeOf(attempt);
  const before = newestRevision(place, store);
  const { plan, change } = foundOf(place, store) ?? (await commit(place, attempt, options));
  const made = change?.metadata.name ?? null;
  const name = made ?? changeOf(place, before, store);
  if (isWaitedFor(place.step) && name !== undefined) await succeeded(place, name, attempt, store);
  return {
    change: made,
    revision: revisionOf(change, place, store) ?? before ?? 0,
    previous: previousOf(place, before, store),
    addresses: addressesOf(place, store),
    plan: shown(plan),
  };
}

function isWaitedFor({ dryRun = false, wait = true }: ApplyStep): boolean {
  return wait && !dryRun;
}

interface Place {
  readonly step: ApplyStep;
  readonly system: string;
  readonly namespace: string;
  /** Of the Change. */
  readonly labels: Readonly<Record<typeof STEP | typeof TRY, string>>;
}

function placeOf(attempt: Attempt): Place {
  const step = stepOf(attempt, "apply");
  const identity = createHash("sha256").update(attempt.idempotencyKey).digest("hex").slice(0, 40);
  return {
    step,
    system: step.system,
    namespace: step.namespace ?? namespaceOf(attempt),
    labels: { [STEP]: identity, [TRY]: String(attempt.try) },
  };
}

/** That the step made, in all its tries. */
function changesOf({ namespace, labels }: Place, store: Store): readonly ChangeResource[] {
  return store.list({ kind: "Change", namespace, labels: { [STEP]: labels[STEP] } })
    .items as readonly ChangeResource[];
}

/** The revision that the Change has made; undefined while it waits. */
function revisionOf(
  change: ChangeResource | undefined,
  { namespace }: Place,
  store: Store,
): number | undefined {
  if (change === undefined) return undefined;
  const now = store.get({ kind: "Change", namespace, name: change.metadata.name }) ?? change;
  return (now as ChangeResource).spec.revision;
}

/** Name of the Change that made what there is. */
function changeOf(
  { system, namespace }: Place,
  revision: number | undefined,
  store: Store,
): string | undefined {
  return revisionsOf(store, system, namespace).find(({ number }) => number === revision)?.change;
}

/** What this very try has committed before. */
function foundOf(place: Place, store: Store): Committed | undefined {
  const change = changesOf(place, store).find(({ metadata }) => metadata.labels?.[TRY] === place.labels[TRY]);
  return change && { plan: { ...change.spec.plan, resources: [] }, change };
}

function newestRevision({ system, namespace }: Place, store: Store): number | undefined {
  return revisionsOf(store, system, namespace)[0]?.number;
}

/** The revision before the step's first Change; that there is, when it made none. */
function previousOf(place: Place, before: number | undefined, store: Store): number | null {
  const mine = changesOf(place, store).flatMap(({ spec }) => spec.revision ?? []);
  if (mine.length === 0) return before ?? null;
  const first = Math.min(...mine);
  const earlier = revisionsOf(store, place.system, place.namespace).find(({ number }) => number < first);
  return earlier?.number ?? null;
}

function shown(plan: Plan): PlanResult {
  const steps = plan.steps.filter(({ action }) => action !== "none").slice(0, MOST_STEPS);
  return {
    summary: plan.summary,
    text: summaryOf(plan),
    hash: plan.hash,
    steps: steps.map(({ action, address, changes }) => ({
      action,
      address,
      changes: action === "update" || action === "replace" ? changes.map(({ path }) => path) : [],
    })),
  };
}

interface Committed {
  readonly plan: Plan;
  /** Absent when there was nothing to do, or nothing was to be done. */
  readonly change?: ChangeResource;
}

async function commit(place: Place, attempt: Attempt, options: ApplyStepOptions): Promise<Committed> {
  const { store, keyring } = options;
  const { step, system } = place;
  const declaration = await declarationOf(place, attempt, options);
  const answers = await answersTo(options, (said) => proposed(place, declaration, options, said).plan);
  for (let tries = 1; ; tries++) {
    attempt.signal.throwIfAborted();
    const { plan, declared } = proposed(place, declaration, options, answers);
    refuseErrors((await options.preflight?.(plan)) ?? []);
    attempt.log(`${system}: ${summaryOf(plan)}`);
    requireAgreed(step, plan);
    if (step.dryRun === true) return { plan };
    const request = requestOf(answers, plan);
    const submission = submissionOf({
      plan,
      declared,
      request,
      actor: actorOf(attempt),
      live: store,
      keyring,
    });
    try {
      return await submitted(submission, plan, place, attempt, store);
    } catch (error) {
      if (!isRace(error) || tries === ATTEMPTS) throw error;
    }
  }
}

async function submitted(
  { operations, change: name }: Submission,
  plan: Plan,
  place: Place,
  attempt: Attempt,
  store: Store,
): Promise<Committed> {
  if (name === undefined) return { plan };
  if (operations.length > 0)
    await store.commit(
      operations.map((operation) => marked(operation, place)),
      causeOf(attempt, "apply", store),
    );
  const change = store.get({ kind: "Change", namespace: place.namespace, name });
  return { plan, ...(change === undefined ? {} : { change: change as ChangeResource }) };
}

function requireAgreed({ plan: agreed, system }: ApplyStep, plan: Plan): void {
  if (agreed === undefined || agreed === plan.hash) return;
  throw new TaskError(
    "StalePlan",
    `What there is of ${system} has changed since the plan was made: what would be done now is another thing (${summaryOf(plan)}). Plan it again, and ask again.`,
    { terminal: true },
  );
}

function marked(operation: Operation, { labels }: Place): Operation {
  if (operation.type !== "create" || operation.resource.kind !== "Change") return operation;
  const { metadata } = operation.resource;
  return {
    ...operation,
    resource: { ...operation.resource, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } },
  };
}

function isRace(error: unknown): boolean {
  return error instanceof StoreError && ["Conflict", "AlreadyExists", "NotFound"].includes(error.code);
}

async function declarationOf(
  { step, namespace }: Place,
  attempt: Attempt,
  { store, load }: ApplyStepOptions,
): Promise<Declaration> {
  const { resources, from, system, revision, parameters = {} } = step;
  if (from !== undefined) {
    const loaded = await load(pathIn(from, attempt, store), parameters);
    refuseErrors(loaded.diagnostics);
    const named = { ...loaded.system, metadata: { ...loaded.system.metadata, name: system } };
    return { resources: [named, ...loaded.resources], folder: loaded.folder, isAdmitted: false };
  }
  if (resources !== undefined) {
    const folder = workflowFolder(attempt, store);
    return {
      resources: withValues(resources as readonly object[] as readonly Draft[], parameters),
      ...(folder === undefined ? {} : { folder }),
      isAdmitted: false,
    };
  }
  if (revision !== undefined) return { resources: [], back: revisionIn(revision, system), isAdmitted: true };
  const newest = revisionsOf(store, system, namespace)[0];
  if (newest === undefined || liveSystem(store, system, namespace) === undefined)
    throw new TaskError(
      "UnknownSystem",
      `There is no system '${system}' in the namespace ${namespace}. Apply it first, or give from.`,
      {
        terminal: true,
      },
    );
  return { resources: withValues(newest.resources, parameters), isAdmitted: true };
}

function revisionIn(given: unknown, system: string): number {
  const revision = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  if (typeof revision === "number" && Number.isSafeInteger(revision) && revision > 0) return revision;
  throw new TaskError(
    "NoRevision",
    revision === null
      ? `There is no earlier revision of ${system} to go back to: it stays as it is. Mend it and apply it again, or take it down.`
      : `'${String(given)}' is not the number of a revision of ${system}.`,
    { terminal: true },
  );
}

function withValues(
  resources: readonly Draft[],
  parameters: Readonly<Record<string, unknown>>,
): readonly Draft[] {
  if (Object.keys(parameters).length === 0) return resources;
  return resources.map((draft) => {
    if (draft.kind !== "System") return draft;
    const spec = draft.spec as { readonly values?: object } | undefined;
    return { ...draft, spec: { ...spec, values: { ...spec?.values, ...parameters } } };
  });
}

/** What was asked before the plan was made. */
interface Answers {
  readonly pins?: ReadonlyMap<string, string>;
  readonly foreseen?: Foresight["foreseen"];
}

async function answersTo(options: ApplyStepOptions, planWith: (answers: Answers) => Plan): Promise<Answers> {
  const pins = (await options.pins?.(planWith({}))) ?? new Map<string, string>();
  const pinned = pins.size === 0 ? {} : { pins };
  const foresight = await options.foresee?.(planWith(pinned), (foreseen) =>
    planWith({ ...pinned, foreseen }),
  );
  const { foreseen, diagnostics } = foresight ?? NOTHING_FORESEEN;
  refuseErrors(diagnostics);
  return Object.keys(foreseen).length === 0 ? pinned : { ...pinned, foreseen };
}

function proposed(
  { system, namespace }: Place,
  { resources, folder, back, isAdmitted }: Declaration,
  { store: live, keyring, capabilities }: Pick<ApplyStepOptions, "store" | "keyring" | "capabilities">,
  answers: Answers = {},
): { readonly plan: Plan; readonly declared: readonly Draft[] } {
  const { plan, declared, diagnostics } = propose({
    system,
    namespace,
    live,
    keyring,
    resources: isAdmitted ? [] : resources,
    ...(isAdmitted && back === undefined ? { admitted: resources as readonly Draft[] } : {}),
    ...(back === undefined ? { action: "apply" } : { action: "rollback", toRevision: back }),
    ...(folder === undefined ? {} : { folder }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...answers,
  });
  refuseErrors(diagnostics);
  if (plan === undefined) throw new Error(`The system ${system} could not be planned.`);
  return { plan, declared: declared ?? [] };
}

/** What only a person can mend. */
function refuseErrors(diagnostics: readonly Parameters<typeof formatDiagnostic>[0][]): void {
  if (!hasErrors(diagnostics)) return;
  const text = diagnostics
    .filter(({ severity }) => severity === "error")
    .map((one) => formatDiagnostic(one))
    .join("\n");
  throw new TaskError(diagnostics[0]?.code ?? "Refused", text, { terminal: true });
}

/** Resolves once the Change has succeeded, whoever made it. */
function succeeded(
  { system, namespace }: Place,
  name: string,
  attempt: Attempt,
  store: Store,
): Promise<true> {
  let told = "";
  const key: Key = { kind: "Change", namespace, name };
  const look = (): true | undefined => {
    const change = store.get(key) as ChangeResource | undefined;
    if (change === undefined)
      throw new TaskError("SystemGone", `The system ${system} was taken down.`, { terminal: true });
    const failed = isFailing(change, store) ? failedPart(namespace, system, store) : undefined;
    if (failed !== undefined) throw new TaskError("RolloutFailed", failed);
    if (stateOf(change) === "Succeeded") return true;
    refuseEnded(change);
    const waits = change.status?.message ?? "";
    const message = waits === "" ? messageOf(store.get({ kind: "System", namespace, name: system })) : waits;
    if (message !== told && message !== "") attempt.log((told = message));
    return undefined;
  };
  return untilSeen(
    store,
    look,
    ({ key: changed, resource }) =>
      changed.namespace === namespace &&
      (changed.name === name ||
        changed.name === system ||
        resource.metadata.labels?.[LABELS.system] === system),
    attempt.signal,
  );
}

/** Whether what is wrong with a service now is the Change's: it has begun, and nothing came after it. */
function isFailing(change: ChangeResource, store: Store): boolean {
  const { system, revision } = change.spec;
  const state = stateOf(change);
  if (revision === undefined || state === "Superseded") return false;
  if (state !== "Succeeded") return true;
  return revisionsOf(store, system, change.metadata.namespace ?? "default")[0]?.number === revision;
}

function refuseEnded(change: ChangeResource): void {
  const state = stateOf(change);
  const ended = ENDED[state];
  if (ended === undefined) return;
  const why = `change/${change.metadata.name} is ${state}. ${change.status?.message ?? ""}`.trim();
  throw new TaskError(ended.error, why, ended.terminal ? { terminal: true } : {});
}

/** What a Change that did not succeed is to the step: what a person decided is not tried again. */
const ENDED: Readonly<Partial<Record<ChangeState, { readonly error: string; readonly terminal: boolean }>>> =
  {
    Superseded: { error: "Superseded", terminal: false },
    Failed: { error: "RolloutFailed", terminal: false },
    RolledBack: { error: "RolloutFailed", terminal: false },
    Rejected: { error: "ApprovalRejected", terminal: true },
    Expired: { error: "ApprovalExpired", terminal: true },
    Void: { error: "StalePlan", terminal: true },
  };

/** As the System adds them up, which lists its balancers in the order of their declaration. */
function addressesOf({ system, namespace }: Place, store: Store): readonly string[] {
  const status = store.get({ kind: "System", namespace, name: system })?.status;
  return (status as { readonly urls?: readonly string[] } | undefined)?.urls ?? [];
}

/** Reasons of a Service's conditions that say that it will not become what was declared. */
const FAILED: ReadonlySet<string> = new Set(["RolloutFailed", "RolledBack"]);

/** The first service that will not, and why. */
function failedPart(namespace: string, system: string, store: Store): string | undefined {
  for (const service of store.list({ kind: "Service", namespace, labels: { [LABELS.system]: system } })
    .items) {
    const { generation } = service.metadata;
    const failed = conditionsOf(service).find(
      ({ reason, observedGeneration }) => FAILED.has(reason) && observedGeneration === generation,
    );
    if (failed !== undefined) return `${addressOf(service)}: ${failed.message}`;
  }
  return undefined;
}

function conditionsOf(resource: Resource | undefined): readonly Condition[] {
  const status = resource?.status as { readonly conditions?: readonly Condition[] } | undefined;
  return status?.conditions ?? [];
}

function messageOf(system: Resource | undefined): string {
  const condition = conditionsOf(system).find(({ type }) => type === "Ready");
  return condition?.status === "True" ? "" : (condition?.message ?? "");
}
