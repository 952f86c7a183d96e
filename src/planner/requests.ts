/** What is asked of a plan beside the declaration, and what is wrong with it. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { findKind, kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import type { Foreseen } from "../provider/provider.ts";
import { locationsOf } from "./locations.ts";

/** Facts about the class of a resource that a plan depends on. */
export interface Capabilities {
  /** A second one can be made while the first is there. */
  readonly canCreateBeforeDestroy: boolean;
}

export interface Requested {
  /** Addresses: only these, with all that they need. The rest stays as the last Revision has it. */
  readonly targets?: readonly string[];
  /** Addresses: all but these, and what needs them. */
  readonly excludes?: readonly string[];
  /** Addresses of what is made anew although nothing asks for it. */
  readonly replaces?: readonly string[];
  /** Addresses of resources that go while their things stay. */
  readonly forget?: readonly string[];
  /** By address, the id of the existing thing that is taken instead of making one. */
  readonly adopts?: Readonly<Record<string, string>>;
  /** By address, what providers said would come of it: recorded, so that the same plan comes of it when it is made again. */
  readonly foreseen?: Readonly<Record<string, Foreseen>>;
}

export interface Requests {
  readonly replaces: ReadonlySet<string>;
  readonly forget: ReadonlySet<string>;
  readonly adopts: ReadonlyMap<string, string>;
  readonly foreseen: ReadonlyMap<string, Foreseen>;
}

/** The same, with each address as references spell it: `db/orders` and `Database/orders` are `database/orders`. */
export function spelled({ targets, excludes, replaces, forget, adopts, foreseen }: Requested): Requested {
  return {
    ...(foreseen === undefined ? {} : { foreseen }),
    ...(targets === undefined ? {} : { targets: targets.map(addressIn) }),
    ...(excludes === undefined ? {} : { excludes: excludes.map(addressIn) }),
    ...(replaces === undefined ? {} : { replaces: replaces.map(addressIn) }),
    ...(forget === undefined ? {} : { forget: forget.map(addressIn) }),
    ...(adopts === undefined
      ? {}
      : { adopts: Object.fromEntries(Object.entries(adopts).map(([key, id]) => [addressIn(key), id])) }),
  };
}

function addressIn(text: string): string {
  const [word = "", ...rest] = text.split("/");
  const kind = kindOfRoot(word) ?? findKind(word);
  return kind === undefined ? text : [kind.root, ...rest].join("/");
}

export function requestsOf({ replaces = [], forget = [], adopts = {}, foreseen = {} }: Requested): Requests {
  return {
    replaces: new Set(replaces),
    forget: new Set(forget),
    adopts: new Map(Object.entries(adopts)),
    foreseen: new Map(Object.entries(foreseen)),
  };
}

export interface Known {
  /** By address. */
  readonly declared: ReadonlyMap<string, Draft>;
  /** By address, what the System holds. */
  readonly held: ReadonlyMap<string, { readonly kind: string; readonly metadata: { readonly name: string } }>;
  /** By present address, the live resource of another name that it continues. */
  readonly continued: ReadonlyMap<string, Resource>;
}

/** By present addresses: what has another name now may be called by the former, what is in several Locations without them. */
export function meant(requested: Requested, known: Known): Requested {
  const { targets, excludes, replaces } = requested;
  if (targets === undefined && excludes === undefined && replaces === undefined) return requested;
  const present = new Map([...known.continued].map(([address, live]) => [addressOf(live), address]));
  const all = (addresses: readonly string[]): readonly string[] =>
    addresses.flatMap((address) => present.get(address) ?? copiesOf(address, known));
  return {
    ...requested,
    ...(targets === undefined ? {} : { targets: all(targets) }),
    ...(excludes === undefined ? {} : { excludes: all(excludes) }),
    ...(replaces === undefined ? {} : { replaces: all(replaces) }),
  };
}

/** Itself when it is there, or nothing is called so. */
function copiesOf(address: string, { declared, held }: Known): readonly string[] {
  if (declared.has(address) || held.has(address)) return [address];
  const system = [...declared.values()].find(({ kind }) => kind === "System");
  const copies = locationsOf(system)
    .map(({ name }) => `${address}-${name}`)
    .filter((copy) => declared.has(copy) || held.has(copy));
  return copies.length === 0 ? [address] : copies;
}

/** Addresses that nothing bears, and requests that cannot be met. */
export function checkRequests(requested: Requested, known: Known): readonly Diagnostic[] {
  const { targets = [], excludes = [], replaces = [], forget = [], adopts = {} } = requested;
  const both = [...known.declared.keys(), ...known.held.keys()];
  return [
    ...[...targets, ...excludes].flatMap((address) => missing(address, both)),
    ...replaces.flatMap((address) => checkReplace(address, known)),
    ...forget.flatMap((address) => checkForget(address, known)),
    ...Object.keys(adopts).flatMap((address) => checkAdopt(address, known)),
  ];
}

function missing(address: string, known: readonly string[]): readonly Diagnostic[] {
  if (known.includes(address)) return [];
  const message = `There is no ${address.slice(0, 120)} in this system.`;
  const hint = didYouMean(address, known) ?? "Write <kind>/<name>, for example database/orders.";
  return [{ severity: "error", code: "UnknownAddress", address: address.slice(0, 120), message, hint }];
}

/** Whether it has a thing that some engine makes, apart from the resource itself. */
export function hasThing(kindName: string): boolean {
  const kind = kindNamed(kindName);
  return kind !== undefined && schemaAt(bodySchema(kind), ["spec", "class"]) !== undefined;
}

function checkReplace(address: string, { declared }: Known): readonly Diagnostic[] {
  const draft = declared.get(address);
  if (draft === undefined) return missing(address, [...declared.keys()]);
  if (hasThing(draft.kind)) return [];
  const message = `A ${draft.kind} cannot be made anew: nothing outside stands for it.`;
  return [{ severity: "error", code: "NotReplaceable", address, message, hint: "Change what it declares." }];
}

function checkForget(address: string, { declared, held }: Known): readonly Diagnostic[] {
  const found = held.get(address);
  if (found === undefined) return missing(address, [...held.keys()]);
  if (declared.has(address)) {
    const message = "It is to be forgotten, but is still declared.";
    const hint = "Take it out of the declaration.";
    return [{ severity: "error", code: "StillDeclared", address, message, hint }];
  }
  if (found.kind !== "Service" && hasThing(found.kind)) return [];
  const message = `A ${found.kind} cannot be forgotten: nothing of it would stay.`;
  return [{ severity: "error", code: "NotForgettable", address, message, hint: "Delete it instead." }];
}

function checkAdopt(address: string, { declared, held }: Known): readonly Diagnostic[] {
  const draft = declared.get(address);
  if (draft === undefined) return missing(address, [...declared.keys()]);
  if (held.has(address)) {
    const message = "It has a thing already, so it cannot adopt another.";
    const hint = "Declare what is to be adopted under another name.";
    return [{ severity: "error", code: "AlreadyMade", address, message, hint }];
  }
  if (draft.kind !== "Service" && hasThing(draft.kind)) return [];
  const message = `A ${draft.kind} cannot adopt anything: nothing outside stands for it.`;
  return [{ severity: "error", code: "NotAdoptable", address, message }];
}
