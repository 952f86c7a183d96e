/**
 * What a System puts out for others: that its expressions are right, and that nothing goes that somebody else still uses.
 *
 * Removing what is in use takes two steps, since neither System can be changed in the other's commit: first the user lets go,
 * then it is removed. A plan that would do it in one is refused and names the users.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Edge, edgesOf } from "../kinds/edges.ts";
import { kinds } from "../kinds/registry.ts";
import { type Draft, LABELS, type Resource, addressOf } from "../model/resource.ts";
import { pathText } from "../model/walk.ts";
import type { Snapshot } from "../store/store.ts";
import { isTerminating, liveSystem } from "./ownership.ts";
import type { Plan } from "./plan.ts";
import { type ReferenceContext, checkDraft } from "./references.ts";

export function outputsOf(system: { readonly spec?: unknown } | undefined): Readonly<Record<string, string>> {
  return (system?.spec as { readonly outputs?: Readonly<Record<string, string>> } | undefined)?.outputs ?? {};
}

/** As something that holds the outputs' expressions, where they are seen as references. */
export function holderOf(system: Draft | Resource, outputs = outputsOf(system)): Draft {
  const { name, namespace } = system.metadata;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { [LABELS.system]: name },
  };
  return { apiVersion: system.apiVersion, kind: "Resource", metadata, spec: { config: outputs } };
}

/** What is wrong with the expressions themselves. A secret may stand in them: what it gives stays sealed. */
export function checkOutputs(resources: readonly Draft[], context: ReferenceContext): readonly Diagnostic[] {
  const system = resources.find((draft) => draft.kind === "System");
  if (system === undefined || Object.keys(outputsOf(system)).length === 0) return [];
  return checkDraft(holderOf(system), resources, context)
    .filter(({ code }) => code !== "SecretInTheOpen")
    .map((diagnostic) => ({
      ...diagnostic,
      address: addressOf(system),
      path: String(diagnostic.path).replace(/^spec\.config/, "spec.outputs"),
    }));
}

/** What the plan would take away while others use it: one diagnostic for each of them. */
export function usedElsewhere(plan: Plan, live: Snapshot): readonly Diagnostic[] {
  const itself = `system/${plan.system}`;
  const gone = new Set(
    plan.steps.flatMap(({ action, address, movedFrom }) =>
      action === "delete" || action === "forget" ? [address] : movedFrom === undefined ? [] : [movedFrom],
    ),
  );
  const before = liveSystem(live, plan.system, plan.namespace);
  const after = plan.action === "down" ? undefined : plan.resources.find(({ kind }) => kind === "System");
  const outputs = new Set(Object.keys(outputsOf(before)).filter((name) => !(name in outputsOf(after))));
  if (gone.size === 0 && outputs.size === 0) return [];
  const found = new Map<Resource, Lost>();
  for (const { user, edge } of usesIn(live, plan)) {
    const output = edge.to === itself ? outputOf(edge) : undefined;
    const isLost = gone.has(edge.to) || (output !== undefined && outputs.has(output));
    if (!isLost) continue;
    const lost = found.get(user) ?? { outputs: new Set(), addresses: new Set() };
    found.set(user, lost);
    if (output === undefined) lost.addresses.add(edge.to);
    else lost.outputs.add(output);
  }
  return [...found].slice(0, MOST).map(([user, lost]) => inUse(user, lost, itself));
}

const MOST = 20;

/** What one user uses of what would be gone. */
interface Lost {
  readonly outputs: Set<string>;
  readonly addresses: Set<string>;
}

function outputOf({ reference }: Edge): string | undefined {
  const [status, outputs, name] = reference?.path ?? [];
  return status === "status" && outputs === "outputs" ? name : undefined;
}

/** By whatever is not of this System, in the same namespace. */
function* usesIn(live: Snapshot, plan: Plan): Generator<{ readonly user: Resource; readonly edge: Edge }> {
  for (const { kind, declarable, namespaced } of kinds) {
    if (!declarable || !namespaced) continue;
    for (const user of live.list({ kind, namespace: plan.namespace }).items) {
      if (isOf(plan, user) || isTerminating(user) || isMade(user)) continue;
      const holder = kind === "System" ? holderOf(user) : (user as Draft);
      for (const edge of edgesOf(holder).edges) yield { user, edge };
    }
  }
}

function isOf({ system }: Plan, { kind, metadata }: Resource): boolean {
  return (kind === "System" ? metadata.name : metadata.labels?.[LABELS.system]) === system;
}

/** By a controller, for something declared: that is what uses it. */
function isMade({ metadata }: Resource): boolean {
  return (metadata.ownerReferences ?? []).length > 0;
}

function inUse(user: Resource, { outputs, addresses }: Lost, itself: string): Diagnostic {
  const system = user.kind === "System" ? user.metadata.name : user.metadata.labels?.[LABELS.system];
  const pronoun = outputs.size + addresses.size > 1 ? "them" : "it";
  const first =
    system === undefined
      ? `change ${addressOf(user)}`
      : `apply '${system}' without ${pronoun}, or take it down`;
  const [address] = addresses;
  return {
    severity: "error",
    ...(address === undefined
      ? { code: "OutputInUse", address: itself, path: outputsPath([...outputs]) }
      : { code: "InUse", address }),
    message: `${lostText([...addresses], [...outputs])} would be gone, but ${userText(user, system)} uses ${pronoun}.`,
    hint: `In two steps: ${first}; then plan this again.`,
  };
}

function outputsPath(outputs: readonly string[]): string {
  return pathText(["spec", "outputs", ...(outputs.length === 1 ? outputs : [])]);
}

function lostText(addresses: readonly string[], outputs: readonly string[]): string {
  const names = listed(outputs.map((name) => `'${name}'`));
  const noun = outputs.length === 1 ? "output" : "outputs";
  if (addresses.length === 0) return `The ${noun} ${names}`;
  return listed([...addresses, ...(outputs.length === 0 ? [] : [`the ${noun} ${names}`])]);
}

function userText(user: Resource, system: string | undefined): string {
  if (user.kind === "System") return `an output of the system '${user.metadata.name}'`;
  return system === undefined ? addressOf(user) : `${addressOf(user)} of the system '${system}'`;
}

function listed(words: readonly string[]): string {
  const [last = ""] = words.slice(-1);
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
