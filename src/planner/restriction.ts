/**
 * A plan for a part of a System: what is targeted with all that it needs, or everything but what is excluded and all that needs
 * it. The rest stays exactly as the last Revision has it, whatever is declared now; the Revision made holds that mixture.
 *
 * What a deletion needs is that those who use the thing now let go of it; so who excludes a user keeps what it uses.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { edgesOf } from "../kinds/edges.ts";
import { equal } from "../model/equality.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import { forEachString } from "../model/walk.ts";
import { SET } from "./expansion.ts";
import { parameterValues } from "./parameters.ts";
import { parametersIn } from "./references.ts";

export interface RestrictionInput {
  readonly targets?: readonly string[] | undefined;
  readonly excludes?: readonly string[] | undefined;
  /** By address. */
  readonly declared: ReadonlyMap<string, Draft>;
  /** By address, what the last Revision holds. */
  readonly last: ReadonlyMap<string, Draft>;
  /** By address, what the System holds now, under its present names. */
  readonly held: ReadonlyMap<string, Resource>;
  /** Address of the System. */
  readonly system: string;
  readonly isSystemLive: boolean;
  /** The former address of what has another name now. */
  readonly former: (address: string) => string;
}

export interface Restriction {
  /** Declared where it is touched, as in the last Revision where it is not. */
  readonly resources: readonly Draft[];
  readonly isTouched: (address: string) => boolean;
  readonly diagnostics: readonly Diagnostic[];
}

export function restrict(input: RestrictionInput): Restriction {
  const graph = graphOf(input);
  const chosen = input.targets === undefined ? undefined : reach(input.targets, graph.needs);
  if (chosen !== undefined && !input.isSystemLive) chosen.add(input.system);
  const left = reach(input.excludes ?? [], graph.users);
  const isTouched = (address: string): boolean => !left.has(address) && (chosen?.has(address) ?? true);
  return {
    resources: mixed(input, isTouched),
    isTouched,
    diagnostics: [...contradictions(input, left), ...shared(input, graph.changed, isTouched)],
  };
}

interface Needs {
  readonly needs: (address: string) => readonly string[];
  readonly users: (address: string) => readonly string[];
  /** Names of parameters whose value is another now. */
  readonly changed: ReadonlySet<string>;
}

/** Each address to others. */
class Links {
  readonly #others = new Map<string, string[]>();

  add(from: string, to: string): void {
    const list = this.#others.get(from);
    if (list === undefined) this.#others.set(from, [to]);
    else list.push(to);
  }

  of(address: string): readonly string[] {
    return this.#others.get(address) ?? [];
  }
}

function graphOf(input: RestrictionInput): Needs {
  const { declared, last, held, system, former } = input;
  const changed = changedParameters(declared.get(system), last.get(system));
  const needs = new Links();
  const users = new Links();
  const link = (user: string, used: string): void => {
    needs.add(user, used);
    users.add(used, user);
  };
  for (const [address, draft] of declared) {
    for (const { to } of edgesOf(draft).edges) if (declared.has(to)) link(address, to);
    if (uses(draft, changed)) link(address, system);
  }
  // The members of a set go with it, also those that fall away; one of them goes alone.
  for (const [address, resource] of [...declared, ...held]) {
    const set = setOf(resource as Draft);
    if (set === undefined || !declared.has(set)) continue;
    needs.add(set, address);
    users.add(set, address);
  }
  const present = presentUses(input);
  return {
    changed,
    needs: (address) => (declared.has(address) ? needs : present.users).of(address),
    users: (address) => [...users.of(address), ...present.uses.of(former(address))],
  };
}

/** Of what would go: who uses it now. What is declared is kept whatever uses it. */
function presentUses({ held, declared }: RestrictionInput): { readonly uses: Links; readonly users: Links } {
  const uses = new Links();
  const users = new Links();
  for (const [address, resource] of held) {
    for (const { to } of edgesOf(resource as Draft).edges) {
      if (!held.has(to) || declared.has(to)) continue;
      uses.add(address, to);
      users.add(to, address);
    }
  }
  return { uses, users };
}

function setOf({ metadata }: Draft): string | undefined {
  const name = metadata.labels?.[SET];
  return name === undefined ? undefined : `resourceSet/${name}`;
}

function reach(from: readonly string[], next: (address: string) => readonly string[]): Set<string> {
  const reached = new Set(from);
  for (const address of reached) for (const other of next(address)) reached.add(other);
  return reached;
}

function changedParameters(now: Draft | undefined, before: Draft | undefined): ReadonlySet<string> {
  if (before === undefined) return new Set();
  const [left, right] = [parameterValues(before), parameterValues(now)];
  return new Set([...left.keys(), ...right.keys()].filter((name) => !equal(left.get(name), right.get(name))));
}

function uses(draft: Draft, changed: ReadonlySet<string>): boolean {
  if (changed.size === 0 || draft.kind === "System") return false;
  let found = false;
  forEachString(draft, (text) => {
    found ||= parametersIn(text).some((name) => changed.has(name));
  });
  return found;
}

function mixed(
  { declared, last, system, former }: RestrictionInput,
  isTouched: (address: string) => boolean,
): readonly Draft[] {
  const drafts = [...declared].flatMap(([address, draft]) => {
    if (isTouched(address)) return [draft];
    const kept = last.get(former(address)) ?? (address === system ? draft : undefined);
    return kept === undefined ? [] : [kept];
  });
  const names = new Set([...declared.keys(), ...[...declared.keys()].map(former)]);
  const undeclared = [...last].filter(([address]) => !names.has(address) && !isTouched(address));
  return [...drafts, ...undeclared.map(([, draft]) => draft)];
}

function contradictions(
  { targets = [] }: RestrictionInput,
  left: ReadonlySet<string>,
): readonly Diagnostic[] {
  return targets
    .filter((address) => left.has(address))
    .map((address) => ({
      severity: "error",
      code: "TargetExcluded",
      address,
      message: "It is targeted, but it or something that it needs is excluded.",
      hint: "Take one of the two away.",
    }));
}

/** A parameter has one value for all: it cannot change for those that are touched alone. */
function shared(
  { declared, system, isSystemLive }: RestrictionInput,
  changed: ReadonlySet<string>,
  isTouched: (address: string) => boolean,
): readonly Diagnostic[] {
  if (!isSystemLive || changed.size === 0 || !isTouched(system)) return [];
  const others = [...declared].filter(([address, draft]) => !isTouched(address) && uses(draft, changed));
  if (others.length === 0) return [];
  const names = others.map(([address]) => address);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return [
    {
      severity: "error",
      code: "SharedParameter",
      address: system,
      message: `The parameters ${[...changed].toSorted().join(", ")} have other values now, and ${names.slice(0, 3).join(", ")}${more}, left as they are, take them too.`,
      hint: "Include those as well, or keep the values.",
    },
  ];
}

/** By address. */
export function byAddress<D extends Draft | Resource>(resources: readonly D[]): ReadonlyMap<string, D> {
  return new Map(resources.map((resource) => [addressOf(resource), resource]));
}
