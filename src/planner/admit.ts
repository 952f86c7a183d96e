/**
 * Admission of a declaration (§4): from manifests that came from outside to resources that can be planned, or to
 * everything that is wrong with them at once.
 *
 * Order: depth and shape of each one -> duplicates, kinds that nobody declares, foreign namespaces -> secrets sealed -> copies for
 * each Location -> parameters, references, cycles -> what is live under the same names.
 *
 * Invariants
 *  A1 Never throws, whatever JSON it is given.
 *  A2 No diagnostic holds a secret's value: secrets are sealed before anything that could quote a text looks at them (I10).
 *  A3 The same manifests give the same resources, whatever their order and the order of their members.
 */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { kindNamed, kinds } from "../kinds/registry.ts";
import { validate } from "../kinds/validate.ts";
import { type Draft, type Key, LABELS, NAME_PATTERN, addressOf } from "../model/resource.ts";
import { type Keyring, containsSealed } from "../model/sealed.ts";
import type { Snapshot } from "../store/store.ts";
import { SYSTEM_NAMESPACE, isTerminating, liveSystem } from "./ownership.ts";
import { checkLive } from "./occupied.ts";
import { checkKinds, withoutShared } from "./own-kinds.ts";
import { checkOutputs } from "./outputs.ts";
import { checkParameters } from "./parameters.ts";
import { formerAddresses, systemLocation, withLocation } from "./place.ts";
import { type ReferenceContext, checkReferences } from "./references.ts";
import { LastAnswer, Remembered, onceFor, rememberedOf } from "./remembered.ts";
import { expandLocations, isOnceForAll } from "./locations.ts";
import { pinned } from "./pinned.ts";
import { isSecret, sealSecret } from "./secrets.ts";

export interface AdmitInput {
  /** Manifests as they came from outside. A System among them, of the name `system`, gives parameters and values. */
  readonly resources: readonly unknown[];
  readonly system: string;
  readonly namespace: string;
  readonly live: Snapshot;
  readonly keyring: Keyring;
  /** Folder of the declaration, for a System that names none itself. */
  readonly folder?: string;
  /** The exact images that services mean now, by address; of those that declare none themselves. */
  readonly pins?: ReadonlyMap<string, string>;
}

export interface Admitted {
  /** Empty when a diagnostic is an error; else the System first, then the rest by address. */
  readonly resources: readonly Draft[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The API's limit; deeper values would make recursive checks overflow the stack. */
const MAX_DEPTH = 100;
/** A label's value has at most 63 characters, and the System's name is one. */
const MAX_SYSTEM_NAME = 63;

type Place = Pick<AdmitInput, "system" | "namespace">;

/** Never throws on any JSON: everything wrong is a diagnostic, and all of them are found at once. */
export function admit(input: AdmitInput): Admitted {
  const diagnostics: Diagnostic[] = [...checkPlace(input)];
  const manifests: readonly unknown[] = Array.isArray(input.resources) ? input.resources : [input.resources];
  const refused = new Set<string>();
  const once = new Set<string>();
  const place = { ...input, location: systemLocation(manifests), former: formerAddresses(manifests) };
  const home = `${input.namespace}/${input.system}`;
  const remembered = rememberedOf(input.live, home, () => new Remembered<One>());
  const drafts = manifests.flatMap((manifest) => {
    const placed = withLocation(manifest, place);
    const address = addressOf(namedIn(manifest));
    const { resource, diagnostics: found } = isTooDeep(placed)
      ? tooDeep()
      : remembered.admitted(address, placed, () => admitOne(placed, input));
    diagnostics.push(...found);
    if (resource === undefined) refused.add(address);
    else if (isOnceForAll(manifest)) once.add(addressOf(resource));
    return resource === undefined ? [] : [pinned(resource, input.pins?.get(addressOf(resource)))];
  });
  remembered.forgetOthers();
  const unique = withoutDuplicates(drafts, diagnostics);
  const system = unique.find((draft) => draft.kind === "System") ?? formerSystem(input);
  const others = withoutShared(unique, input).filter((draft) => draft.kind !== "System");
  const resources = [withFolder(system, input.folder), ...others];
  const placed = expandLocations({ ...input, resources, once });
  const found = [...diagnostics, ...placed.diagnostics];
  const conclude = (): Admitted => concluded(placed.resources, { ...input, refused }, found);
  // Between a plan and its apply nothing may have happened, and then nothing has to be looked at again.
  if (found.length > 0 || refused.size > 0) return conclude();
  return conclusionOf(input).of(input.live, placed.resources.map(stable), conclude);
}

/** The System is made anew each time, with its folder. */
function stable(draft: Draft): unknown {
  return draft.kind === "System" ? JSON.stringify(draft) : draft;
}

/** Admission of what was admitted before: the content of a Revision, whose secrets are sealed already. */
export function admitRevision(resources: readonly Draft[], input: Omit<AdmitInput, "resources">): Admitted {
  const last = conclusionOf(input).last(input.live);
  return last?.resources === resources ? last : concluded(resources, input, []);
}

function conclusionOf({ live, namespace, system }: Place & Pick<AdmitInput, "live">): LastAnswer<Admitted> {
  return rememberedOf(live, `${namespace}/${system} concluded`, () => new LastAnswer<Admitted>());
}

function concluded(
  resources: readonly Draft[],
  input: ReferenceContext,
  before: readonly Diagnostic[],
): Admitted {
  const system = resources.find((draft) => draft.kind === "System");
  const diagnostics = [
    ...before,
    ...(system === undefined ? [] : checkParameters(system)),
    ...checkReferences(resources, input),
    ...checkOutputs(resources, input),
    ...checkLive(resources, input),
    ...checkKinds(resources, input),
  ];
  if (hasErrors(diagnostics)) return { resources: [], diagnostics };
  const rank = (draft: Draft): string => (draft.kind === "System" ? "" : addressOf(draft));
  const sorted = resources
    .map((draft) => [rank(draft), draft] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const home = `${input.namespace}/${input.system}`;
  const finish = (draft: Draft): Draft => sortMembers(labelled(draft, input)) as Draft;
  return { resources: sorted.map(([, draft]) => onceFor(draft, home, () => finish(draft))), diagnostics };
}

function checkPlace({ system, namespace }: Place): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const hint = "Use lower case letters, digits and '-', at most 63.";
  if (!NAME_PATTERN.test(system) || system.length > MAX_SYSTEM_NAME) {
    diagnostics.push({
      severity: "error",
      code: "InvalidName",
      address: "system",
      message: `'${system.slice(0, 80)}' is not a name for a system.`,
      hint,
    });
  }
  if (!NAME_PATTERN.test(namespace) || namespace.length > MAX_SYSTEM_NAME) {
    diagnostics.push({
      severity: "error",
      code: "InvalidName",
      message: `'${namespace.slice(0, 80)}' is not a name for a namespace.`,
      hint,
    });
  }
  return diagnostics;
}

interface One {
  readonly resource?: Draft;
  readonly diagnostics: readonly Diagnostic[];
}

function refusal(diagnostic: Omit<Diagnostic, "severity">): One {
  return { diagnostics: [{ severity: "error", ...diagnostic }] };
}

function tooDeep(): One {
  return refusal({
    code: "TooDeep",
    message: `A resource is nested more than ${MAX_DEPTH} levels deep.`,
    hint: "Make it flatter.",
  });
}

/** A manifest that is not too deep. */
function admitOne(manifest: unknown, input: AdmitInput): One {
  const named = namedIn(manifest);
  if (kindNamed(named.kind)?.declarable === false) {
    const known = kinds.filter((other) => other.declarable).map((other) => other.kind);
    return refusal({
      code: "NotDeclarable",
      address: addressOf(named),
      path: "kind",
      message: `${named.kind} is written by controllers and cannot be declared.`,
      hint: didYouMean(named.kind, known) ?? `There is: ${known.join(", ")}.`,
    });
  }
  const { resource, diagnostics } = validate(manifest);
  if (resource === undefined) return { diagnostics };
  const address = addressOf(resource);
  if (containsSealed(resource)) {
    return refusal({
      code: "SealedText",
      address,
      message: "It holds a sealed value, which can come from the control plane only.",
      hint: "Write the value itself, in a Secret.",
    });
  }
  const findings = checkHome(manifest, resource, input);
  const { resource: clean, diagnostics: ignored } = withoutControllerFields(resource);
  if (!isSecret(clean)) return { resource: clean, diagnostics: [...diagnostics, ...findings, ...ignored] };
  const sealed = sealSecret(clean, input.keyring);
  return {
    resource: sealed.resource,
    diagnostics: [...diagnostics, ...findings, ...ignored, ...sealed.diagnostics],
  };
}

/** Kind and name as far as the manifest has them, whatever else is wrong with it. */
function namedIn(manifest: unknown): Key {
  const { kind, metadata } = (manifest ?? {}) as { readonly kind?: unknown; readonly metadata?: unknown };
  const { name } = (metadata ?? {}) as { readonly name?: unknown };
  const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 253) : "");
  return { kind: text(kind), namespace: "", name: text(name) };
}

/** Iterative, so that it can look at what would overflow a recursive check. */
function isTooDeep(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    const next: unknown[] = [];
    for (const member of level) {
      if (typeof member === "object" && member !== null)
        for (const child of Object.values(member)) next.push(child);
    }
    if (next.length === 0) return false;
    level = next;
  }
  return true;
}

/** The namespace that a manifest names itself, and the name of the System. */
function checkHome(manifest: unknown, resource: Draft, { system, namespace }: Place): readonly Diagnostic[] {
  const address = addressOf(resource);
  const named = (manifest as { readonly metadata: { readonly namespace?: unknown } }).metadata.namespace;
  const diagnostics: Diagnostic[] = [];
  if (resource.metadata.namespace !== undefined && named !== undefined && named !== namespace) {
    diagnostics.push({
      severity: "error",
      code: "WrongNamespace",
      address,
      path: "metadata.namespace",
      message: `It names the namespace '${String(named).slice(0, 80)}', but the system is in '${namespace}'.`,
      hint: "Leave the namespace out, or apply the system in that namespace.",
    });
  }
  if (resource.kind === "System" && resource.metadata.name !== system) {
    diagnostics.push({
      severity: "error",
      code: "WrongSystem",
      address,
      path: "metadata.name",
      message: `This is a declaration of the system '${system}'; it holds one called '${resource.metadata.name}'.`,
      hint: "Keep one System in a declaration.",
    });
  }
  return diagnostics;
}

/** Finalizers and owners say who must let go of a resource: promises that only controllers can keep. */
function withoutControllerFields(resource: Draft): {
  readonly resource: Draft;
  readonly diagnostics: readonly Diagnostic[];
} {
  const { finalizers, ownerReferences, ...metadata } = resource.metadata;
  const present = Object.entries({ finalizers, ownerReferences }).flatMap(([field, value]) =>
    value === undefined ? [] : [field],
  );
  const diagnostics = present.map((field): Diagnostic => ({
    severity: "warning",
    code: "IgnoredField",
    address: addressOf(resource),
    path: `metadata.${field}`,
    message: "It is written by controllers and not taken from a declaration.",
    hint: "Remove it.",
  }));
  return { resource: { ...resource, metadata }, diagnostics };
}

function withoutDuplicates(drafts: readonly Draft[], diagnostics: Diagnostic[]): readonly Draft[] {
  const seen = new Map<string, Draft>();
  for (const draft of drafts) {
    const address = addressOf(draft);
    if (!seen.has(address)) seen.set(address, draft);
    else
      diagnostics.push({
        severity: "error",
        code: "DuplicateResource",
        address,
        message: `${address} is declared more than once.`,
        hint: "Give each a name of its own, or remove one.",
      });
  }
  return [...seen.values()];
}

/** The System as it was applied last, or a plain one: a declaration need not spell it out. */
function formerSystem({ live, system, namespace, folder }: AdmitInput): Draft {
  const former = liveSystem(live, system, namespace);
  const kind = kindNamed("System");
  const plain = { apiVersion: kind?.apiVersion ?? "", kind: "System", metadata: { name: system, namespace } };
  if (former !== undefined && !isTerminating(former)) {
    return { ...plain, spec: { ...(former.spec as object), ...(folder === undefined ? {} : { folder }) } };
  }
  return validate({ ...plain, spec: {} }).resource ?? { ...plain, spec: {} };
}

function withFolder(system: Draft, folder: string | undefined): Draft {
  const spec = system.spec as { readonly folder?: string };
  return folder === undefined || (spec.folder ?? "") !== ""
    ? system
    : { ...system, spec: { ...spec, folder } };
}

function labelled(draft: Draft, { system, namespace }: Place): Draft {
  const { namespace: _namespace, labels, annotations, ...metadata } = draft.metadata;
  const namespaced = draft.metadata.namespace !== undefined;
  if (draft.kind === "System") {
    const texts = {
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    };
    return { ...draft, metadata: { ...metadata, namespace, ...texts } };
  }
  const home = namespaced ? (annotations ?? {}) : { ...annotations, [SYSTEM_NAMESPACE]: namespace };
  return {
    ...draft,
    metadata: {
      ...metadata,
      ...(namespaced ? { namespace } : {}),
      labels: { ...labels, [LABELS.system]: system },
      ...(Object.keys(home).length === 0 ? {} : { annotations: home }),
    },
  };
}

/**
 * Members by name at every depth: however a manifest was written, it is stored and shown in one form (A3). What is in that form
 * already stays the same object: of ten thousand manifests it is there once, be it remembered, planned, recorded or live.
 */
function sortMembers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(sortMembers);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const members = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(members);
  const order = names.toSorted();
  if (order.includes("__proto__"))
    return Object.fromEntries(order.map((name) => [name, sortMembers(members[name])]));
  const sorted: Record<string, unknown> = {};
  let isSorted = true;
  for (const [index, name] of order.entries()) {
    const member = sortMembers(members[name]);
    if (member !== undefined) sorted[name] = member;
    isSorted &&= member !== undefined && name === names[index] && member === members[name];
  }
  return isSorted ? value : sorted;
}
