/**
 * Asks the providers what stands against a plan before anything of it is committed, so that a port that is taken, a program
 * that is missing or a quota that is used up is bad input and not a system that half comes up.
 *
 *   plan --steps that make or change--> subjects --obstacles, each----------------> diagnostics
 *                                                --capacities, once a provider----> diagnostics (capacity.ts)
 *                                                --adoptions, once a place--------> diagnostics (adoptable.ts)
 *
 *  - Changes nothing, and always ends: all are asked at the same time, and each has its time (bounded.ts).
 *  - Who does not answer, or not as it should, is one warning however often it was asked.
 *  - Nobody is asked about what it has no say in: a plan of thousands of values costs no call.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Resolver, resolve } from "../controller/resolve.ts";
import { hasExpression } from "../model/expression.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import type { Plan, Step } from "../planner/plan.ts";
import {
  type CallContext,
  type Capacity,
  type Obstacle,
  type Prospect,
  type Provider,
  TerminalError,
} from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { type Adopting, adoptionProblems } from "./adoptable.ts";
import { asked } from "./bounded.ts";
import { type Claims, type Claim, shortages } from "./capacity.ts";
import { checkDeclared, prepareCheck } from "./check-declared.ts";
import type { Classes } from "./classes.ts";
import { networksOfMachines } from "./network-classes.ts";
import { undeclaredPools } from "./undeclared-pools.ts";

export interface Asked {
  readonly class: string;
  readonly patience?: number;
  obstacles?(prospect: Prospect, context: CallContext): Promise<readonly Obstacle[]>;
  capacities?(context: CallContext): Promise<readonly Capacity[]>;
  pin?(prospect: Prospect): Promise<string | undefined>;
}

export interface PreflightParts {
  readonly classes: Classes;
  readonly store: Pick<Store, "get" | "list">;
  readonly resolver: Resolver;
  readonly context: Omit<CallContext, "signal">;
}

type Spec = Readonly<Record<string, unknown>>;

const MAKING: ReadonlySet<Step["action"]> = new Set(["create", "update", "replace", "adopt"]);
const LEAVING: ReadonlySet<Step["action"]> = new Set(["delete", "replace"]);

/** What of the plan a provider is asked about. */
interface Subject {
  readonly step: Step;
  readonly draft: Draft;
  readonly spec: Spec;
  readonly provider: Asked;
}

/** Everything that the plan's creations and changes would run into, as far as anybody can tell. */
export async function preflight(plan: Plan, parts: PreflightParts): Promise<readonly Diagnostic[]> {
  const problems: Diagnostic[] = [];
  const subjects = subjectsOf(plan, parts, problems);
  const ending = new AbortController();
  const context = { ...parts.context, signal: ending.signal };
  for (const { kind, spec } of plan.resources) if (kind === "Workflow") await prepareCheck(spec);
  try {
    const found = await Promise.all([
      obstaclesOf(subjects, folderOf(plan), parts, context),
      shortages(claimsOf(plan, subjects, parts), context),
      adoptionProblems(adoptingOf(subjects), parts),
    ]);
    return [
      ...plan.resources.flatMap(checkDeclared),
      ...undeclaredPools(plan, parts.store),
      ...subjects.flatMap((subject) => unsuitableNetworks(subject, plan, parts)),
      ...problems,
      ...once(found.flat()),
    ];
  } finally {
    ending.abort();
  }
}

/** A class or location that is not there is a problem of its own. */
function subjectsOf(plan: Plan, { classes }: PreflightParts, problems: Diagnostic[]): readonly Subject[] {
  const steps = new Map(plan.steps.map((step) => [step.address, step]));
  // What a Location offers that comes with this very plan is judged when it is there.
  const coming = new Set(
    plan.steps
      .filter(({ kind, action }) => kind === "Location" && action === "create")
      .map(({ name }) => name),
  );
  return plan.resources.flatMap((draft) => {
    const step = steps.get(addressOf(draft));
    if (step === undefined || !MAKING.has(step.action)) return [];
    const spec = (draft.spec ?? {}) as Spec;
    if (coming.has(String(spec["location"] ?? ""))) return [];
    try {
      const provider = providerOf(draft.kind, spec, classes);
      return provider === undefined ? [] : [{ step, draft, spec, provider }];
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      problems.push({ severity: "error", address: step.address, ...error.diagnostic });
      return [];
    }
  });
}

function unsuitableNetworks(
  { step: { address, namespace }, draft }: Subject,
  plan: Plan,
  { store, classes }: PreflightParts,
): readonly Diagnostic[] {
  return networksOfMachines(
    draft,
    address,
    (name) =>
      plan.resources.find((one) => addressOf(one) === addressOf({ kind: "Network", metadata: { name } })) ??
      store.get({ kind: "Network", namespace, name }),
    (spec) => quietly(() => providerOf("Network", spec, classes)?.class),
  );
}

async function obstaclesOf(
  subjects: readonly Subject[],
  folder: string,
  { resolver }: PreflightParts,
  context: CallContext,
): Promise<readonly Diagnostic[]> {
  const found = subjects
    .filter(({ provider }) => provider.obstacles !== undefined)
    .map(async ({ step, draft, spec, provider }): Promise<readonly Diagnostic[]> => {
      const { address, namespace, name, action, adopts } = step;
      const prospect: Prospect = {
        namespace,
        name,
        spec,
        folder,
        // Few ask for it, and it takes a while.
        resolved: () => resolvedSpec(draft, namespace, resolver),
        ...(action === "create" || action === "adopt" ? { isNew: true } : {}),
        ...(adopts === undefined ? {} : { adopts }),
      };
      const reply = await asked({
        whom: whomOf(draft.kind, provider, spec),
        what: "what stands against it",
        ask: async () => (await provider.obstacles?.(prospect, context)) ?? [],
        isSound: (answer) => Array.isArray(answer) && answer.every(isObstacle),
        clock: context.clock,
        patience: provider.patience,
      });
      if ("problem" in reply)
        return [reply.problem.severity === "error" ? { ...reply.problem, address } : reply.problem];
      return reply.answer.map((obstacle) => ({ severity: "error", address, ...obstacle }));
    });
  return (await Promise.all(found)).flat();
}

function isObstacle(value: unknown): boolean {
  const { code, message } = (value ?? {}) as Partial<Record<keyof Obstacle, unknown>>;
  return typeof code === "string" && typeof message === "string";
}

/** Undefined as long as something it refers to is not there or not ready. */
export function resolvedSpec(draft: Draft, namespace: string, resolver: Resolver): Spec | undefined {
  const asking = { ...draft, metadata: { ...draft.metadata, namespace } } as unknown as Resource;
  try {
    const { spec, waits } = resolve(asking, resolver);
    return waits.length === 0 ? (spec as Spec) : undefined;
  } catch {
    return undefined; // what an expression comes to is said when it is evaluated for real
  }
}

function claimsOf(
  plan: Plan,
  subjects: readonly Subject[],
  { classes, store }: PreflightParts,
): readonly Claims[] {
  const all = new Map<object, { readonly whom: string; readonly claims: Claim[] }>();
  const claim = (provider: Asked, kind: string, spec: Spec, one: Claim): void => {
    if (provider.capacities === undefined) return;
    const known = all.get(provider);
    if (known !== undefined) known.claims.push(one);
    else all.set(provider, { whom: whomOf(kind, provider, spec), claims: [one] });
  };
  const live = ({ kind, namespace, name }: Step): Spec | undefined => {
    const resource = store.get({ kind, namespace, name });
    const made = (resource?.status as { readonly made?: Spec } | undefined)?.made;
    return made ?? (resource?.spec as Spec | undefined);
  };
  for (const { step, draft, spec, provider } of subjects) {
    // What is adopted is there already, and counted.
    if (step.action === "adopt") continue;
    const before = step.action === "update" ? live(step) : undefined;
    const { address } = step;
    claim(provider, draft.kind, spec, { address, after: spec, ...(before === undefined ? {} : { before }) });
  }
  for (const step of plan.steps) {
    const before = LEAVING.has(step.action) ? live(step) : undefined;
    const provider = before === undefined ? undefined : quietly(() => providerOf(step.kind, before, classes));
    if (before !== undefined && provider !== undefined)
      claim(provider, step.kind, before, { address: step.address, before });
  }
  return [...all].map(([provider, { whom, claims }]) => ({ provider: provider as Asked, whom, claims }));
}

/** Of what goes, nobody needs to know more than that its class is not there any more. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function adoptingOf(subjects: readonly Subject[]): readonly Adopting[] {
  return subjects.flatMap(({ step, spec, provider }) => {
    const { address, namespace, name, adopts } = step;
    if (step.action !== "adopt" || adopts === undefined) return [];
    return [{ address, namespace, name, spec, id: adopts, provider: provider as Provider }];
  });
}

export function whomOf(kind: string, provider: Asked, { location }: Spec): string {
  return `the class '${provider.class}' of ${kind} at the location '${String(location)}'`;
}

/** The same warning once. */
function once(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ severity, message }) => {
    if (severity === "error") return true;
    if (seen.has(message)) return false;
    seen.add(message);
    return true;
  });
}

/** Undefined for what nobody provides. Refuses with TerminalError a class or location that is not there. */
export function providerOf(kind: string, spec: Spec, classes: Classes): Asked | undefined {
  const { class: name, location } = spec;
  if (typeof name !== "string" || typeof location !== "string") return undefined;
  // What is still to be computed is judged when it is known.
  if (hasExpression(name) || hasExpression(location)) return undefined;
  const placement = { ...spec, class: name, location };
  if (kind === "Service") return classes.instance(placement);
  return classes.kinds.has(kind) ? classes.provider(kind, placement) : undefined;
}

export function folderOf(plan: Plan): string {
  const system = plan.resources.find(({ kind }) => kind === "System");
  const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
  return folder === undefined || folder === "" ? "/" : folder;
}
