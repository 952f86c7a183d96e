/**
 * `apply`: declares a System anew, as `tutti apply` does, and waits until what was changed is as it should be.
 *
 *     load | given | as it is now ──▶ propose ──▶ plan ──▶ commit (resources, Revision, Change) ──▶ Change Succeeded
 *
 *  - The Change bears the identity of the step and its try: a second attempt finds it and waits on (I3). A plan with
 *    nothing to do makes none, and is done.
 *  - Nobody is asked: a workflow that wants a yes puts an approval before.
 *  - A rollout that failed, or went back, is the failure of the step; a later Change of the System supersedes it.
 */
import { createHash } from "node:crypto";
import { formatDiagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import type { Condition, Draft, Key, Resource } from "../model/resource.ts";
import { LABELS, addressOf, keyOf } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import { admitRevision } from "../planner/admit.ts";
import { operationsOf, summaryOf } from "../planner/operations.ts";
import { liveSystem } from "../planner/ownership.ts";
import { planSystem } from "../planner/plan-system.ts";
import type { Plan } from "../planner/plan.ts";
import { propose } from "../planner/propose.ts";
import { revisionsOf } from "../planner/revisions.ts";
import { type Operation, type Store, StoreError } from "../store/store.ts";
import type { ApplyStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, stepOf, tryIdentity } from "../workflow/step/attempt.ts";
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
  /** What stands against it. */
  readonly preflight?: (plan: Plan) => Promise<readonly Parameters<typeof formatDiagnostic>[0][]>;
}

export interface ApplyResult {
  /** The name of the Change; null when there was nothing to do. */
  readonly change: string | null;
  readonly revision: number;
  readonly plan: { readonly summary: Plan["summary"]; readonly text: string };
}

/** By which the Change of a step is found again. */
const STEP = "tutti.dev/step";
/** Statuses are written all the time; each may make a commit's expectations stale without touching the plan. */
const ATTEMPTS = 16;

interface Declaration {
  readonly resources: readonly unknown[];
  readonly folder?: string;
  /** They were admitted before. */
  readonly isAdmitted: boolean;
}

export function applySteps(options: ApplyStepOptions): StepType {
  return { execute: (attempt) => apply(attempt, options) };
}

async function apply(attempt: Attempt, options: ApplyStepOptions): Promise<ApplyResult> {
  const { store } = options;
  const step = stepOf(attempt, "apply");
  const namespace = namespaceOf(attempt);
  const label = createHash("sha256").update(tryIdentity(attempt)).digest("hex").slice(0, 40);
  const found = store.list({ kind: "Change", namespace, labels: { [STEP]: label } }).items[0];
  const change = found ?? (await commit(step, label, attempt, options));
  if ("nothing" in change) return change.nothing;
  const { spec, metadata } = change as Resource<{ revision: number; plan: Plan }>;
  await succeeded({ key: keyOf(change), revision: spec.revision }, step.system, attempt, store);
  return {
    change: metadata.name,
    revision: spec.revision,
    plan: { summary: spec.plan.summary, text: summaryOf(spec.plan) },
  };
}

async function commit(
  step: ApplyStep,
  label: string,
  attempt: Attempt,
  options: ApplyStepOptions,
): Promise<Resource | { readonly nothing: ApplyResult }> {
  const { store, keyring } = options;
  const namespace = namespaceOf(attempt);
  const declared = await declarationOf(step, attempt, options);
  const pins = await options.pins?.(planOf(step, declared, namespace, options));
  for (let tries = 1; ; tries++) {
    attempt.signal.throwIfAborted();
    const plan = planOf(step, declared, namespace, options, pins);
    refuseErrors((await options.preflight?.(plan)) ?? []);
    const operations = operationsOf(plan, { live: store, actor: actorOf(attempt), keyring });
    attempt.log(`${step.system}: ${summaryOf(plan)}`);
    if (operations.length === 0) {
      const revision = revisionsOf(store, step.system, namespace)[0]?.number ?? 0;
      return { nothing: { change: null, revision, plan: { summary: plan.summary, text: summaryOf(plan) } } };
    }
    try {
      const { resources } = await store.commit(
        operations.map((operation) => marked(operation, label)),
        causeOf(attempt, "apply", store),
      );
      const change = resources.find((resource) => resource?.kind === "Change");
      if (change !== undefined) return change;
    } catch (error) {
      if (!isRace(error) || tries === ATTEMPTS) throw error;
    }
  }
}

function marked(operation: Operation, label: string): Operation {
  if (operation.type !== "create" || operation.resource.kind !== "Change") return operation;
  const { metadata } = operation.resource;
  return {
    ...operation,
    resource: {
      ...operation.resource,
      metadata: { ...metadata, labels: { ...metadata.labels, [STEP]: label } },
    },
  };
}

function isRace(error: unknown): boolean {
  return error instanceof StoreError && ["Conflict", "AlreadyExists", "NotFound"].includes(error.code);
}

async function declarationOf(
  step: ApplyStep,
  attempt: Attempt,
  { store, load }: ApplyStepOptions,
): Promise<Declaration> {
  const { resources, from, system, parameters = {} } = step;
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
  const namespace = namespaceOf(attempt);
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

function planOf(
  { system }: ApplyStep,
  { resources, folder, isAdmitted }: Declaration,
  namespace: string,
  { store: live, keyring }: Pick<ApplyStepOptions, "store" | "keyring">,
  pins?: ReadonlyMap<string, string>,
): Plan {
  const place = { system, namespace, live, keyring, action: "apply" as const };
  if (isAdmitted) {
    const admitted = admitRevision(resources as readonly Draft[], place);
    refuseErrors(admitted.diagnostics);
    return planSystem({ ...place, resources: admitted.resources, warnings: admitted.diagnostics });
  }
  const { plan, diagnostics } = propose({
    ...place,
    resources,
    ...(folder === undefined ? {} : { folder }),
    ...(pins === undefined || pins.size === 0 ? {} : { pins }),
  });
  refuseErrors(diagnostics);
  if (plan === undefined) throw new Error(`The system ${system} could not be planned.`);
  return plan;
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

/** Resolves once the Change has succeeded. */
function succeeded(
  { key, revision }: { readonly key: Key; readonly revision: number },
  system: string,
  attempt: Attempt,
  store: Store,
): Promise<true> {
  let told = "";
  const isNewest = (): boolean => revisionsOf(store, system, key.namespace)[0]?.number === revision;
  const look = (): true | undefined => {
    const outcome = (store.get(key)?.status as { readonly outcome?: string } | undefined)?.outcome;
    if (store.get(key) === undefined)
      throw new TaskError("SystemGone", `The system ${system} was taken down.`, { terminal: true });
    if (outcome === "Superseded")
      throw new TaskError("Superseded", `Another change of ${system} came before this one had succeeded.`);
    const failed =
      outcome === "Succeeded" && !isNewest() ? undefined : failedPart(key.namespace, system, store);
    if (failed !== undefined) throw new TaskError("RolloutFailed", failed);
    if (outcome === "Succeeded") return true;
    const message = messageOf(store.get({ kind: "System", namespace: key.namespace, name: system }));
    if (message !== told && message !== "") attempt.log((told = message));
    return undefined;
  };
  return untilSeen(
    store,
    look,
    ({ key: changed, resource }) =>
      changed.namespace === key.namespace &&
      (changed.name === key.name ||
        changed.name === system ||
        resource.metadata.labels?.[LABELS.system] === system),
    attempt.signal,
  );
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
