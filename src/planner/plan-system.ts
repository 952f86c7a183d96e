/**
 * The plan for a System: a pure function of what is declared and what is live (§4).
 *
 * Data flow: declared resources in graph order -> target of each (planner/target.ts) -> difference to what is live,
 * with expressions evaluated in both worlds (planner/effective.ts) -> step; what the System holds and no longer declares
 * -> delete, in reverse order, after everything that still used it -> summary, hash.
 *
 * Invariants
 *  P1 Only what bears the System's own label is changed or deleted (I9); admission refuses names that others hold.
 *  P2 A resource that comes out as `none` is not written when the plan is carried out, and carrying a plan out leaves
 *     only `none` for the next.
 *  P3 Every step comes after the steps it names in `after`.
 *  P4 The same declaration against the same base gives the same plan, byte for byte but for `baseVersion`.
 *  P5 No plain text of a secret is in it (I10).
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { edgesOf } from "../kinds/edges.ts";
import { kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, statusSchema, withDefaults } from "../kinds/schema.ts";
import { isReady } from "../model/condition.ts";
import { type Draft, LABELS, type Resource, addressOf, keyOf } from "../model/resource.ts";
import { pathText } from "../model/walk.ts";
import type { Snapshot } from "../store/store.ts";
import { type Difference, diff } from "./diff.ts";
import { Computed, type World, effective } from "./effective.ts";
import { planHash } from "./hash.ts";
import { type Ordered, orderOf } from "./order.ts";
import { REPLACE, SYSTEM_NAMESPACE, heldBy, isTerminating, liveSystem } from "./ownership.ts";
import { parameterValues } from "./parameters.ts";
import { type Action, type AttributeChange, NO_STEPS, type Plan, type Step } from "./plan.ts";
import { revisionsOf } from "./revisions.ts";
import { isSecret, missingGenerated } from "./secrets.ts";
import { bodyOf, targetOf } from "./target.ts";

export interface PlanInput {
  readonly system: string;
  readonly namespace: string;
  readonly action: Plan["action"];
  /** As admitted, the System among them; not looked at for `down`. */
  readonly resources: readonly Draft[];
  readonly live: Snapshot;
  /** For `rollback`: the revision that the resources are taken from. */
  readonly toRevision?: number;
  /** Warnings of the admission, to be shown with the plan. */
  readonly warnings?: readonly Diagnostic[];
}

export function planSystem(input: PlanInput): Plan {
  const { system, namespace, action, live, toRevision } = input;
  const resources = action === "down" ? [] : input.resources;
  const changes = action === "down" ? [] : declaredSteps(resources, input);
  const steps = [...changes, ...deletions(resources, changes, input)];
  const content = {
    system,
    namespace,
    action,
    ...(toRevision === undefined ? {} : { toRevision }),
    steps,
    resources,
  };
  const summary: Record<Action, number> = { ...NO_STEPS };
  for (const step of steps) summary[step.action] += 1;
  return {
    ...content,
    summary,
    destructive: summary.delete + summary.replace > 0,
    warnings: input.warnings ?? [],
    hash: planHash(content, (step) =>
      live.get({ kind: step.kind, namespace: step.namespace, name: step.name }),
    ),
  };
}

/** What a step works on, of one declared resource. */
interface Subject {
  readonly address: string;
  readonly target: Draft;
  readonly live: Resource | undefined;
  readonly before: World;
  readonly after: World;
}

function declaredSteps(resources: readonly Draft[], input: PlanInput): readonly Step[] {
  const { live, namespace } = input;
  const previous = new Map(
    (revisionsOf(live, input.system, namespace)[0]?.resources ?? []).map((draft) => [
      addressOf(draft),
      draft,
    ]),
  );
  const targets = new Map<string, { readonly target: Draft; readonly live: Resource | undefined }>();
  for (const draft of resources) {
    const existing = live.get(keyOf(draft));
    const address = addressOf(draft);
    targets.set(address, {
      target: targetOf({ draft, live: existing, previous: previous.get(address) }),
      live: existing,
    });
  }
  const pending = new Set<string>();
  const before = liveWorld(input);
  const after: World = {
    parameters: parameterValues(resources.find((draft) => draft.kind === "System")),
    resource: (key) => targets.get(addressOf({ ...key, namespace }))?.target ?? before.resource(key),
    pending: (address) => pending.has(address),
    ready: (address) => before.ready(address),
  };
  const ordered = orderOf(resources);
  const first = ordered.addresses.filter((address) => address.startsWith("system/"));
  const rest = ordered.addresses.filter((address) => !address.startsWith("system/"));
  return [...first, ...rest].map((address) => {
    const subject = targets.get(address) as { readonly target: Draft; readonly live: Resource | undefined };
    const step = stepOf({ address, ...subject, before, after }, ordered);
    if (step.action === "create" || step.action === "replace") pending.add(address);
    return step;
  });
}

function liveWorld({ live, namespace, system }: PlanInput): World {
  const find = (key: { readonly kind: string; readonly name: string }): Resource | undefined =>
    live.get({ ...key, namespace: kindNamed(key.kind)?.namespaced === false ? "" : namespace });
  return {
    parameters: parameterValues(liveSystem(live, system, namespace)),
    resource: find,
    pending: () => false,
    ready: (address) => {
      const [root = "", name = ""] = address.split("/");
      const kind = kindOfRoot(root);
      const resource = kind === undefined ? undefined : find({ kind: kind.kind, name });
      if (kind === undefined || resource === undefined) return false;
      // Configuration has no conditions: it is there as soon as it is written.
      return isReady(resource) || !("conditions" in (statusSchema(kind).properties ?? {}));
    },
  };
}

function stepOf(subject: Subject, ordered: Ordered): Step {
  const { address, target, live } = subject;
  const base = {
    address,
    kind: target.kind,
    name: target.metadata.name,
    namespace: target.metadata.namespace ?? "",
    after: ordered.needs(address),
  };
  if (live === undefined) return { ...base, action: "create", changes: creation(subject) };
  const differences = differencesOf(subject, live);
  const baseVersion = live.metadata.resourceVersion;
  if (differences.length === 0) return { ...base, action: "none", changes: [], baseVersion };
  const changes = differences.map(changeOf);
  const fixed = differences.filter((difference) => difference.immutable).map((difference) => difference.path);
  if (fixed.length === 0) return { ...base, action: "update", changes, baseVersion };
  return {
    ...base,
    action: "replace",
    changes,
    replaceBecause: fixed,
    ...dataOutcome(live, subject.before),
    baseVersion,
  };
}

function changeOf({ immutable: _immutable, ...change }: Difference): AttributeChange {
  return change;
}

function schemaOf(resource: Draft): JsonSchema | undefined {
  const kind = kindNamed(resource.kind);
  return kind === undefined ? undefined : bodySchema(kind);
}

function optionsOf(resource: Draft): Parameters<typeof diff>[3] {
  return {
    schema: schemaOf(resource),
    name: resource.metadata.name,
    secretKind: resource.kind === "Secret",
  };
}

/** Everything that is declared other than by default. */
function creation({ address, target, after }: Subject): readonly AttributeChange[] {
  const plain = plainBody(target.kind);
  const attributes = diff(
    plain,
    effective(bodyOf(target), after, schemaOf(target)),
    "",
    optionsOf(target),
  ).map(({ immutable: _immutable, before: _before, ...change }) => change);
  return [
    ...metadataDifferences(undefined, target).map(changeOf),
    ...attributes,
    ...toBeGenerated(target, address),
  ];
}

const plainBodies = new Map<string, unknown>();

/** The body of a resource of this kind that says nothing but what is there by default. */
function plainBody(kindName: string): unknown {
  const known = plainBodies.get(kindName);
  if (known !== undefined) return known;
  const kind = kindNamed(kindName);
  const hasSpec = kind !== undefined && "spec" in kind.body.shape;
  const plain = kind === undefined ? {} : withDefaults(bodySchema(kind), hasSpec ? { spec: {} } : {});
  plainBodies.set(kindName, plain);
  return plain;
}

function differencesOf(
  { address, target, live: _live, before, after }: Subject,
  live: Resource,
): readonly Difference[] {
  const generated = toBeGenerated(target, address).map((change) => ({ ...change, immutable: false }));
  const metadata = metadataDifferences(live, target);
  const schema = schemaOf(target);
  const left = effective(bodyOf(live), before, schema);
  const right = effective(bodyOf(target), after, schema);
  const found = diff(left, right, "", optionsOf(target));
  if (found.length === 0) return [...metadata, ...generated];
  // A field that has been added to the kind since has its default, whether the stored body says so or not.
  const completed =
    schema === undefined ? left : effective(withDefaults(schema, bodyOf(live)), before, schema);
  return [...metadata, ...diff(completed, right, "", optionsOf(target)), ...generated];
}

function toBeGenerated(target: Draft, address: string): readonly AttributeChange[] {
  if (!isSecret(target)) return [];
  return missingGenerated(target).map((name) => ({
    path: pathText(["data", name]),
    secret: true,
    unknownUntil: [address],
  }));
}

/** Labels and annotations, without those that say which System it is and those for controllers. */
function metadataDifferences(live: Draft | undefined, target: Draft): readonly Difference[] {
  const texts = ({ metadata }: Draft): unknown => ({
    labels: without(metadata.labels, LABELS.system),
    annotations: without(metadata.annotations, SYSTEM_NAMESPACE, REPLACE),
  });
  const empty = { labels: {}, annotations: {} };
  return diff(live === undefined ? empty : texts(live), texts(target), "metadata", {
    schema: undefined,
    name: "",
    secretKind: false,
  });
}

function without(texts: Readonly<Record<string, string>> | undefined, ...names: readonly string[]): object {
  return Object.fromEntries(Object.entries(texts ?? {}).filter(([name]) => !names.includes(name)));
}

const DATA: Readonly<Record<string, string>> = { Volume: "the files", Database: "the data" };

/** What becomes of the data in it when a resource goes: its spec as it is now decides, for by that it was made. */
function dataOutcome(live: Resource, world: World): Pick<Step, "loses" | "keeps"> {
  const data = DATA[live.kind];
  if (data === undefined) return {};
  const retain = effective((live.spec as { readonly retain?: unknown } | undefined)?.retain, world);
  const what = `${data} of ${addressOf(live)}`;
  if ((retain instanceof Computed ? retain.shown : retain) === true) return { keeps: what };
  return { loses: `${what.charAt(0).toUpperCase()}${what.slice(1)} will be lost.` };
}

function deletions(resources: readonly Draft[], changes: readonly Step[], input: PlanInput): readonly Step[] {
  const { live, system, namespace, action } = input;
  const declared = new Set(resources.map(addressOf));
  const gone = heldBy(live, system, namespace).filter((resource) => !declared.has(addressOf(resource)));
  const byAddress = new Map(gone.map((resource) => [addressOf(resource), resource]));
  const ordered = orderOf(gone as readonly Draft[]);
  const users = gone.length === 0 ? new Map<string, string[]>() : formerUsers(changes, live);
  const world = liveWorld(input);
  const steps = ordered.addresses.toReversed().map((address) => {
    const resource = byAddress.get(address) as Resource;
    const after = [...new Set([...ordered.dependents(address), ...(users.get(address) ?? [])])].toSorted();
    return deletion(resource, after, dataOutcome(resource, world));
  });
  const itself = liveSystem(live, system, namespace);
  if (action !== "down" || itself === undefined || isTerminating(itself)) return steps;
  return [...steps, deletion(itself, steps.map((step) => step.address).toSorted(), {})];
}

function deletion(
  resource: Resource,
  after: readonly string[],
  outcome: Pick<Step, "loses" | "keeps">,
): Step {
  return {
    action: "delete",
    address: addressOf(resource),
    kind: resource.kind,
    name: resource.metadata.name,
    namespace: resource.metadata.namespace ?? "",
    changes: [],
    ...outcome,
    after,
    baseVersion: resource.metadata.resourceVersion,
  };
}

/** By address, the resources that stay and refer to it as they are now: they must let go of it before it goes. */
function formerUsers(changes: readonly Step[], live: Snapshot): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const step of changes) {
    if (step.action !== "update" && step.action !== "replace") continue;
    const resource = live.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    for (const { to } of resource === undefined ? [] : edgesOf(resource as Draft).edges) {
      const list = users.get(to);
      if (list === undefined) users.set(to, [step.address]);
      else list.push(step.address);
    }
  }
  return users;
}
