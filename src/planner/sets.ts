/**
 * A ResourceSet as its members: `NAME-KEY`, as if they had been written out. `forEach` is a number (keys from 0), a list of names,
 * or a mapping; `${each.key}` and `${each.value...}` in the template are what a member stands for, the rest of an expression
 * stays one.
 *
 * Invariants
 *  S1 The members depend on nothing but the declaration and the values it refers to; not on any order.
 *  S2 Members are never guessed: as long as the value is not known, those that were made before stay as they are.
 *  S3 Two keys never become one name: keys that differ only in what a name cannot hold are refused.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { kindNamed } from "../kinds/registry.ts";
import { validate } from "../kinds/validate.ts";
import type { Reference } from "../model/expression.ts";
import { type Draft, LABELS, type Resource, addressOf } from "../model/resource.ts";
import { containsSealed } from "../model/sealed.ts";
import { type Substitute, substituted } from "../model/substitution.ts";
import { mapStrings, pathText } from "../model/walk.ts";
import { type Expand, type ExpansionContext, SET, type Unknown, takenTwice } from "./expansion.ts";
import { type Template, bodyOfMember, specOfSet } from "./set-template.ts";
import { type Known, KnownValues, needsOf } from "./known.ts";
import { checkLive } from "./occupied.ts";
import { SYSTEM_NAMESPACE, belongsTo, isTerminating } from "./ownership.ts";
import { checkReferences } from "./references.ts";

interface Each {
  readonly key: string;
  readonly value: unknown;
}

type Problem = Omit<Diagnostic, "severity" | "address">;

/** More than that is a mistake more often than a wish, and would be planned for minutes. */
const MAX_MEMBERS = 10_000;

export const expandSets: Expand = (given, context) => {
  const resources = given.filter((draft) => draft.metadata.labels?.[SET] === undefined);
  const sets = resources.filter((draft) => draft.kind === "ResourceSet");
  if (sets.length === 0) return { resources: given, unknown: [], diagnostics: [] };
  const expansion = new Expansions(resources, sets, context);
  const outcomes = sets.map((set) => expansion.of(addressOf(set)) as Outcome);
  const diagnostics = outcomes.flatMap((outcome) => outcome.diagnostics);
  const members = outcomes.flatMap((outcome) => outcome.members);
  const unknown = outcomes.flatMap((outcome) => (outcome.unknown === undefined ? [] : [outcome.unknown]));
  const all = [...resources, ...members].toSorted(byAddress);
  if (diagnostics.length > 0) return { resources: given, unknown, diagnostics };
  const openSets = new Set(unknown.map(({ address }) => address));
  return {
    resources: all,
    unknown,
    diagnostics: [
      ...takenTwice(
        members,
        new Set(resources.map(addressOf)),
        ({ metadata }) => `a member of the set '${metadata.labels?.[SET]}'`,
      ),
      ...checkReferences(all, { ...context, openSets }),
      ...checkLive(members, context),
    ],
  };
};

interface Outcome {
  readonly members: readonly Draft[];
  readonly unknown?: Unknown;
  readonly diagnostics: readonly Diagnostic[];
}

/** Each set once, after the sets that it goes over. */
class Expansions {
  readonly #sets: ReadonlyMap<string, Draft>;
  readonly #context: ExpansionContext;
  readonly #values: KnownValues;
  readonly #outcomes = new Map<string, Outcome | "under way">();

  constructor(resources: readonly Draft[], sets: readonly Draft[], context: ExpansionContext) {
    this.#sets = new Map(sets.map((set) => [addressOf(set), set]));
    this.#context = context;
    this.#values = new KnownValues(resources, context, (address) => this.#membersOf(address));
  }

  of(address: string): Outcome | undefined {
    const made = this.#outcomes.get(address);
    if (made === "under way") return undefined;
    if (made !== undefined) return made;
    const set = this.#sets.get(address);
    if (set === undefined) return undefined;
    this.#outcomes.set(address, "under way");
    const outcome = this.#expanded(set, address);
    this.#outcomes.set(address, outcome);
    return outcome;
  }

  #membersOf(address: string): Known | undefined {
    if (!this.#sets.has(address)) return undefined;
    const outcome = this.of(address);
    return outcome === undefined || outcome.unknown !== undefined
      ? { value: undefined, until: [address] }
      : { value: outcome.members.map(({ metadata }) => metadata.name), until: [] };
  }

  #expanded(set: Draft, address: string): Outcome {
    const found = valueOf(set, this.#values);
    if ("code" in found) return refused(set, [found]);
    if (found.until.length > 0) return this.#open(set, address, found.until);
    const keyed = keysOf(found.value);
    if ("code" in keyed) return refused(set, [keyed]);
    const members: Draft[] = [];
    const diagnostics = new Map<string, Diagnostic>();
    for (const [suffix, each] of keyed) {
      const made = memberOf(set, suffix, each, this.#context);
      if (made.resource !== undefined) members.push(made.resource);
      // What is wrong with the template is wrong with each of them, and said once.
      for (const diagnostic of made.diagnostics)
        if (!diagnostics.has(`${diagnostic.path}\n${diagnostic.code}`))
          diagnostics.set(`${diagnostic.path}\n${diagnostic.code}`, diagnostic);
    }
    return { members, diagnostics: [...diagnostics.values()] };
  }

  #open(set: Draft, address: string, until: readonly string[]): Outcome {
    const members = formerMembers(set, this.#context);
    const kept = members.length === 0 ? "" : ` Until then its ${members.length} stay as they are.`;
    return {
      members,
      unknown: { address, until, because: `Its members are unknown until ${listed(until)}.${kept}` },
      diagnostics: [],
    };
  }
}

function listed(addresses: readonly string[]): string {
  return `${addresses.join(" and ")} ${addresses.length === 1 ? "is" : "are"} ready`;
}

function valueOf(set: Draft, values: KnownValues): Known | Problem {
  try {
    const found = values.of(specOfSet(set).forEach);
    if (!containsSealed(found.value)) return found;
    return {
      code: "SecretInTheOpen",
      path: "spec.forEach",
      message: "It holds a secret, and what stands here becomes part of names and specs.",
      hint: "Go over names, and refer to each one's secret in the template.",
    };
  } catch (error) {
    return {
      code: "ExpressionFailed",
      path: "spec.forEach",
      message: `It cannot be evaluated: ${firstLine(error)}.`,
      hint: "Check what it refers to.",
    };
  }
}

function firstLine(error: unknown): string {
  const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return line.replace(/^\w*Error: /, "");
}

function refused(set: Draft, problems: readonly Problem[]): Outcome {
  const address = addressOf(set);
  return {
    members: [],
    diagnostics: problems.map((problem) => ({ severity: "error", address, ...problem })),
  };
}

/** Names of the members that a value of `forEach` gives, by key order; undefined when it gives none. */
export function memberNames(
  set: { readonly metadata: { readonly name: string } },
  value: unknown,
): readonly string[] | undefined {
  const keyed = keysOf(value);
  return "code" in keyed ? undefined : [...keyed.keys()].map((suffix) => `${set.metadata.name}-${suffix}`);
}

/** By what stands behind the set's name in that of a member. */
function keysOf(value: unknown): ReadonlyMap<string, Each> | Problem {
  const entries = entriesOf(value);
  if ("code" in entries) return entries;
  const keyed = new Map<string, Each>();
  for (const each of entries) {
    const suffix = suffixOf(each.key);
    const other = keyed.get(suffix);
    if (suffix === "" || suffix.length > 63)
      return {
        code: "InvalidKey",
        path: "spec.forEach",
        message: `No name can be made of the key '${each.key.slice(0, 80)}'.`,
        hint: "Use letters, digits and '-' in keys, at most 63.",
      };
    if (other !== undefined)
      return {
        code: "DuplicateKey",
        path: "spec.forEach",
        message:
          other.key === each.key
            ? `The key '${each.key.slice(0, 80)}' stands there twice.`
            : `The keys '${other.key.slice(0, 80)}' and '${each.key.slice(0, 80)}' would give members of one name.`,
        hint: "Give each member a key of its own.",
      };
    keyed.set(suffix, each);
  }
  return keyed;
}

/** What a name can hold of it: subnet `10.0.1.0/24` is `10-0-1-0-24`. */
function suffixOf(key: string): string {
  return key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

function entriesOf(value: unknown): readonly Each[] | Problem {
  const wrong = (message: string, hint: string): Problem => ({
    code: "WrongForEach",
    path: "spec.forEach",
    message,
    hint,
  });
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || value < 0)
      return wrong(`${value} is not a number of members.`, "Give a whole number from 0.");
    if (value > MAX_MEMBERS) return tooMany(value);
    return Array.from({ length: value }, (_, index) => ({ key: String(index), value: index }));
  }
  if (typeof value !== "object" || value === null)
    return wrong(
      "It must be a number, a list of names, or a mapping.",
      "Write ${...} to take it from elsewhere.",
    );
  const size = Object.keys(value).length;
  if (size > MAX_MEMBERS) return tooMany(size);
  if (!Array.isArray(value))
    return Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => ({ key, value: member as unknown }));
  const each = value.map((item: unknown) => ({ key: keyOfItem(item), value: item }));
  const unnamed = each.findIndex(({ key }) => key === undefined);
  return unnamed === -1
    ? (each as readonly Each[])
    : wrong(
        `Item ${unnamed} of the list has no name.`,
        "Use a list of texts, of objects with a name, or a mapping.",
      );
}

function tooMany(count: number): Problem {
  return {
    code: "TooManyMembers",
    path: "spec.forEach",
    message: `${count} members are more than a set can have: ${MAX_MEMBERS}.`,
    hint: "Divide it into several sets.",
  };
}

function keyOfItem(item: unknown): string | undefined {
  if (typeof item === "string" || typeof item === "number") return String(item);
  const name =
    typeof item === "object" && item !== null ? (item as { readonly name?: unknown }).name : undefined;
  return typeof name === "string" ? name : undefined;
}

function memberOf(
  set: Draft,
  suffix: string,
  each: Each,
  { system, namespace }: ExpansionContext,
): { readonly resource?: Draft | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const { kind: kindName, metadata = {}, spec = {} } = specOfSet(set).template;
  const name = `${set.metadata.name}-${suffix}`;
  const address = addressOf({ kind: kindName, name, namespace });
  const kind = kindNamed(kindName);
  const of = ({ root, name: member }: Reference): Substitute | undefined =>
    root === "each" ? { value: (each as unknown as Readonly<Record<string, unknown>>)[member] } : undefined;
  let failed: Problem | undefined;
  const filled = mapStrings({ metadata, spec }, (text, path) => {
    try {
      return substituted(text, of);
    } catch (error) {
      failed ??= {
        code: "ExpressionFailed",
        path: pathText(path),
        message: `${text.slice(0, 120)} cannot be evaluated for the key '${each.key.slice(0, 80)}': ${firstLine(error)}.`,
        hint: "There is ${each.key}, and ${each.value} with what the key stands for.",
      };
      return text;
    }
  }) as { readonly metadata: NonNullable<Template["metadata"]>; readonly spec: unknown };
  if (failed !== undefined) return { diagnostics: [{ severity: "error", address, ...failed }] };
  const { labels, annotations } = filled.metadata;
  const namespaced = kind?.namespaced !== false;
  const home = namespaced ? annotations : { ...annotations, [SYSTEM_NAMESPACE]: namespace };
  const place = set.metadata.labels?.[LABELS.location];
  return validate({
    kind: kindName,
    metadata: {
      name,
      ...(namespaced ? { namespace } : {}),
      labels: {
        ...labels,
        ...(place === undefined ? {} : { [LABELS.location]: place }),
        [LABELS.system]: system,
        [SET]: set.metadata.name,
      },
      ...(home === undefined ? {} : { annotations: home }),
    },
    ...bodyOfMember(kindName, filled.spec, needsOf(set)),
  });
}

/** Those that it has now. */
function formerMembers(set: Draft, { live, system, namespace }: ExpansionContext): readonly Draft[] {
  const { kind: kindName } = specOfSet(set).template;
  const labels = { [LABELS.system]: system, [SET]: set.metadata.name };
  const query = { kind: kindName, labels };
  return live
    .list(kindNamed(kindName)?.namespaced === false ? query : { ...query, namespace })
    .items.filter((resource) => belongsTo(resource, system, namespace) && !isTerminating(resource))
    .map(draftOf);
}

/** As it was declared, which is how it is kept. */
function draftOf(resource: Resource): Draft {
  const { name, namespace, labels, annotations } = resource.metadata;
  const { status: _status, metadata: _metadata, ...rest } = resource;
  return {
    ...rest,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}

function byAddress(a: Draft, b: Draft): number {
  if (a.kind === "System" || b.kind === "System") return a.kind === "System" ? -1 : 1;
  return addressOf(a) < addressOf(b) ? -1 : 1;
}
