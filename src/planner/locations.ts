/**
 * A System in several Locations: each of its resources once a Location, as `NAME-LOCATION`.
 *
 * Data flow: what is declared -> which of it is made once for all -> of the rest a copy a Location: the Location's overrides merged
 * in (RFC 7386), its values in place of parameters, references to others of the rest turned to the same Location's copy.
 *
 * **Once for all** are the System, kinds without a namespace (Namespace, Location), what says itself where it is (`spec.location`; of
 * a ResourceSet its template), and what bears the annotation `tutti.dev/once: "true"`. Such a resource names the copies
 * themselves, `service/api-berlin`; where a list of names is wanted, `api` stands for all of them.
 *
 * Invariants
 *  L1 A copy refers to copies of its own Location and to what is there once for all, never into another Location.
 *  L2 No parameter is left in a copy: a value that changes for one Location changes nothing in another.
 *  L3 Adding or removing a Location adds or removes its copies and changes no other.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { findKind, kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { validate } from "../kinds/validate.ts";
import { mergePatch } from "../model/merge-patch.ts";
import { type Draft, LABELS, addressOf } from "../model/resource.ts";
import { pathText } from "../model/walk.ts";
import { takenTwice } from "./expansion.ts";
import { checkParameters, parameterNames, parameterValues } from "./parameters.ts";
import { pinned } from "./pinned.ts";
import { type Ambiguity, type Names, renamed } from "./rename.ts";
import { specOfSet } from "./set-template.ts";
import { checkWaves } from "./waves.ts";

export interface Override {
  readonly address: string;
  readonly patch: Readonly<Record<string, unknown>>;
}

export interface LocationOf {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly overrides: readonly Override[];
}

export interface Placed {
  readonly resources: readonly Draft[];
  readonly diagnostics: readonly Diagnostic[];
}

/** On what is made once for all Locations although its kind has no `spec.location`. */
export const ONCE = "tutti.dev/once";

/** In which Locations a System is; none when it is in one place only, without copies. */
export function locationsOf(system: Draft | undefined): readonly LocationOf[] {
  return (system?.spec as { readonly locations?: readonly LocationOf[] } | undefined)?.locations ?? [];
}

/** What a manifest that came from outside says of itself: of one with defaults it could not be told any more. */
export function isOnceForAll(manifest: unknown): boolean {
  const { kind, metadata, spec } = (manifest ?? {}) as {
    readonly kind?: unknown;
    readonly metadata?: { readonly annotations?: Readonly<Record<string, unknown>> } | null;
    readonly spec?: { readonly template?: { readonly spec?: unknown } | null } | null;
  };
  if (kind === "System" || kindNamed(String(kind))?.namespaced === false) return true;
  if (metadata?.annotations?.[ONCE] === "true") return true;
  return says(spec, "location") || (kind === "ResourceSet" && says(spec?.template?.spec, "location"));
}

function says(spec: unknown, field: string): boolean {
  return typeof spec === "object" && spec !== null && Object.hasOwn(spec, field);
}

export interface LocationInput {
  /** As validated, the System among them, each address once. */
  readonly resources: readonly Draft[];
  /** Addresses of what is made once for all. */
  readonly once: ReadonlySet<string>;
  /** The exact images that services mean, by address of the copy. */
  readonly pins?: ReadonlyMap<string, string>;
}

export function expandLocations(input: LocationInput): Placed {
  const { resources, once } = input;
  const system = resources.find((draft) => draft.kind === "System");
  const locations = locationsOf(system);
  if (system === undefined) return { resources, diagnostics: [] };
  const waves = checkWaves(
    system,
    locations.map(({ name }) => name),
  );
  if (locations.length === 0) return { resources, diagnostics: waves };
  const copied = resources.filter((draft) => draft !== system && !once.has(addressOf(draft)));
  const diagnostics = [...waves, ...checkLocations(system, locations, copied, once)];
  if (diagnostics.length > 0) return { resources, diagnostics };
  const others = resources.filter((draft) => draft === system || once.has(addressOf(draft)));
  const names = locations.map(({ name }) => name);
  const whole = others.map((draft) => {
    if (draft === system) return draft;
    const { resource, ambiguities } = renamed(
      draft,
      namesOf(copied, names, () => undefined),
    );
    diagnostics.push(...ambiguities.map((found) => ambiguous(addressOf(draft), found)));
    return resource;
  });
  for (const [index, location] of locations.entries()) {
    const values = valuesAt(system, location);
    const used = new Set<string>();
    const place = namesOf(copied, location.name, (name) => {
      used.add(name);
      return values.get(name);
    });
    for (const draft of copied) {
      const copy = copyOf(draft, location, place, input);
      diagnostics.push(...copy.diagnostics);
      if (copy.resource !== undefined) whole.push(copy.resource);
    }
    for (const name of Object.keys(location.values))
      if (!used.has(name)) diagnostics.push(unused(system, name, `spec.locations[${index}].values.${name}`));
  }
  return {
    resources: whole,
    diagnostics: [
      ...diagnostics,
      ...takenTwice(whole, new Set(), () => "what a copy for a Location would be called"),
    ],
  };
}

/** What parameters stand for in a Location. One that is called `location` and has no value is the Location's name. */
function valuesAt(system: Draft, { name, values }: LocationOf): ReadonlyMap<string, unknown> {
  const all = new Map([...parameterValues(system), ...Object.entries(values)]);
  if (parameterNames(system).includes("location") && !all.has("location")) all.set("location", name);
  return all;
}

/** Names of what is copied, in one Location or in all. */
function namesOf(
  copied: readonly Draft[],
  locations: string | readonly string[],
  parameter: Names["parameter"],
): Names {
  const addresses = new Set(copied.map(addressOf));
  const sets = copied
    .filter((draft) => draft.kind === "ResourceSet")
    .map((set) => ({ name: set.metadata.name, kind: specOfSet(set).template.kind }))
    .toSorted((a, b) => b.name.length - a.name.length);
  const inAll = (made: (location: string) => string): string | readonly string[] =>
    typeof locations === "string" ? made(locations) : locations.map(made);
  return {
    parameter,
    of: (kind, name) => {
      if (addresses.has(addressOf({ kind, name, namespace: "" })))
        return inAll((location) => `${name}-${location}`);
      const set = sets.find((other) => other.kind === kind && name.startsWith(`${other.name}-`));
      if (set === undefined) return undefined;
      return inAll((location) => `${set.name}-${location}${name.slice(set.name.length)}`);
    },
  };
}

function copyOf(
  draft: Draft,
  location: LocationOf,
  names: Names,
  { pins }: LocationInput,
): { readonly resource?: Draft | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const patched = location.overrides
    .filter(({ address }) => fits(address, draft))
    .reduce<Draft>((now, { patch }) => mergePatch(now, patch) as Draft, draft);
  const name = `${draft.metadata.name}-${location.name}`;
  const labels = { ...patched.metadata.labels, [LABELS.location]: location.name };
  const placed = inPlace({ ...patched, metadata: { ...patched.metadata, name, labels } }, location.name);
  const { resource } = renamed(placed, names);
  return validate(pinned(resource, pins?.get(addressOf(resource))));
}

/** With the Location where its kind says where it is; of a set, its members. */
function inPlace(draft: Draft, location: string): Draft {
  if (draft.kind === "ResourceSet") {
    const spec = specOfSet(draft);
    const { template } = spec;
    if (!hasLocation(template.kind)) return draft;
    return {
      ...draft,
      spec: { ...spec, template: { ...template, spec: { ...(template.spec as object), location } } },
    };
  }
  return hasLocation(draft.kind) ? { ...draft, spec: { ...(draft.spec as object), location } } : draft;
}

function hasLocation(kindName: string): boolean {
  const kind = kindNamed(kindName);
  return kind !== undefined && schemaAt(bodySchema(kind), ["spec", "location"]) !== undefined;
}

/** `service/api` is one, `service/*` all of a kind. */
function fits(address: string, draft: Draft): boolean {
  const [, name = ""] = address.split("/");
  return kindOfAddress(address) === draft.kind && (name === "*" || name === draft.metadata.name);
}

function kindOfAddress(address: string): string | undefined {
  const [word = ""] = address.split("/");
  return (findKind(word) ?? kindOfRoot(word))?.kind;
}

function ambiguous(address: string, { path, address: meant, names }: Ambiguity): Diagnostic {
  return {
    severity: "error",
    code: "AmbiguousReference",
    address,
    path,
    message: `${meant} is made once in each Location, and one of them is wanted here.`,
    hint: `Name one: ${names.join(", ")}.`,
  };
}

/** A program was given one value for all Locations when it was loaded. */
function unused(system: Draft, name: string, path: string): Diagnostic {
  return {
    severity: "warning",
    code: "UnusedValue",
    address: addressOf(system),
    path,
    message: `Nothing refers to \${param.${name}}, so that its value there changes nothing.`,
    hint: `Refer to it (in a program: expression("param.${name}")), or write an override.`,
  };
}

function checkLocations(
  system: Draft,
  locations: readonly LocationOf[],
  copied: readonly Draft[],
  once: ReadonlySet<string>,
): readonly Diagnostic[] {
  const seen = new Set<string>();
  return locations.flatMap((location, index) => {
    const at = ["spec", "locations", index] as const;
    const report = (path: string, problem: Pick<Diagnostic, "code" | "message" | "hint">): Diagnostic => ({
      severity: "error",
      address: addressOf(system),
      path,
      ...problem,
    });
    const twice = seen.has(location.name);
    seen.add(location.name);
    return [
      ...(twice
        ? [
            report(pathText([...at, "name"]), {
              code: "DuplicateLocation",
              message: `The Location '${location.name}' stands there twice.`,
              hint: "Remove one.",
            }),
          ]
        : []),
      ...checkValues(system, location, pathText(at)),
      ...location.overrides.flatMap((override, place) => {
        const problem = overrideProblem(override, copied, once);
        return problem === undefined ? [] : [report(pathText([...at, "overrides", place]), problem)];
      }),
    ];
  });
}

function checkValues(system: Draft, { values }: LocationOf, at: string): readonly Diagnostic[] {
  const { parameters = {} } = system.spec as { readonly parameters?: Readonly<Record<string, object>> };
  const plain = Object.entries(parameters).map(([name, parameter]) => {
    const { default: _default, ...rest } = parameter as { readonly default?: unknown };
    return [name, rest] as const;
  });
  const there = { ...system, spec: { parameters: Object.fromEntries(plain), values } };
  return checkParameters(there).map((diagnostic) => ({
    ...diagnostic,
    path: `${at}.${String(diagnostic.path).replace(/^spec\./, "")}`,
  }));
}

const IDENTITY: ReadonlySet<string> = new Set(["apiVersion", "kind", "status"]);

function overrideProblem(
  { address, patch }: Override,
  copied: readonly Draft[],
  once: ReadonlySet<string>,
): Pick<Diagnostic, "code" | "message" | "hint"> | undefined {
  if (!copied.some((draft) => fits(address, draft))) return unknownAddress(address, copied, once);
  const { metadata, spec } = patch as { readonly metadata?: object; readonly spec?: object };
  const fixed = [
    ...Object.keys(patch).filter((member) => IDENTITY.has(member)),
    ...Object.keys(metadata ?? {}).flatMap((member) =>
      member === "labels" || member === "annotations" ? [] : [`metadata.${member}`],
    ),
    ...(says(spec, "location") ? ["spec.location"] : []),
  ];
  if (fixed.length > 0)
    return {
      code: "InvalidOverride",
      message: `${fixed.join(" and ")} cannot differ from Location to Location.`,
      hint: "Change labels, annotations and what the spec says.",
    };
  if (kindOfAddress(address) !== "Secret") return undefined;
  return {
    code: "InvalidOverride",
    message: "The value of a secret would stand in the open in the System.",
    hint: `Declare a Secret for each Location with the annotation ${ONCE}: "true", and name it in an override of what uses it.`,
  };
}

function unknownAddress(
  address: string,
  copied: readonly Draft[],
  once: ReadonlySet<string>,
): Pick<Diagnostic, "code" | "message" | "hint"> {
  const shown = address.slice(0, 80);
  if (once.has(address))
    return {
      code: "UnknownAddress",
      message: `${shown} is made once for all Locations.`,
      hint: "Change what it says itself.",
    };
  const known = [
    ...new Set(copied.flatMap((draft) => [addressOf(draft), `${addressOf(draft).split("/")[0]}/*`])),
  ];
  return {
    code: "UnknownAddress",
    message: `There is no ${shown} to be different here.`,
    hint: didYouMean(address, known) ?? "Write an address as declared, such as service/api, or service/*.",
  };
}
