/**
 * From a folder or file to plain resources: load, then synthesise (§4).
 *
 *     files -> manifests with positions -> System and its parameters -> expressions of parameters evaluated
 *           -> canonical form -> shape checked
 *
 * Invariants
 *  L1 Never throws for what is in the files: everything wrong is a diagnostic, with the position it stands at.
 *  L2 The same files, parameters and environment give the same bytes; the same system gives the same bytes from
 *     TypeScript and from YAML. So resources keep their order, and members are sorted at every depth.
 *  L3 Nothing is changed but the list of loaded modules.
 */
import { basename } from "node:path";
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { kindsIn } from "../kinds/declared-kinds.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { findKind, kindNamed, withKinds } from "../kinds/registry.ts";
import { validate } from "../kinds/validate.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { type DeclaredRun, type FileDialect, withDefinitions } from "./load/dialect.ts";
import { findFiles, isFound, readText } from "./load/find.ts";
import type { Given } from "./load/parameters.ts";
import { typed, valuesOf } from "./load/parameters.ts";
import { isOwnIn, openIn } from "./load/places.ts";
import type { Source, Sources } from "./load/sources.ts";
import { substitute } from "./load/substitute.ts";

export interface LoadOptions {
  /** `--set name=value`: texts are read by the type of the parameter. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Files of values in YAML or JSON; later ones win. */
  readonly valuesFiles?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of files that are another tool's; none when absent. */
  readonly dialects?: readonly FileDialect[];
}

export interface Loaded {
  readonly system: Draft;
  /** Without the System, in the order in which they are declared, members sorted. */
  readonly resources: readonly Draft[];
  /** Own kinds that are declared here. */
  readonly kinds: readonly AnyKind[];
  /** To be begun once the resources are committed. */
  readonly runs: readonly DeclaredRun[];
  /** Absolute, symbolic links resolved. */
  readonly folder: string;
  /** By address. */
  readonly sources: Sources;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a format gives: the resources still with expressions, and the System if one is declared. */
export interface Declared {
  readonly system?: Located;
  /** Given the parameters' values. Called once, and not when these are wrong. */
  readonly resources: (values: Readonly<Record<string, unknown>>) => {
    readonly resources: readonly Located[];
    readonly diagnostics: readonly Diagnostic[];
  };
  readonly runs?: readonly DeclaredRun[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Located {
  readonly value: unknown;
  readonly source?: Source;
}

/** Never rejects for what is in the files. `path`: a folder or a file. */
export async function load(path: string, options: LoadOptions): Promise<Loaded> {
  const found = findFiles(path);
  if (!isFound(found)) return nothing([{ severity: "error", ...found }]);
  const declared =
    found.program === undefined
      ? await (await import("./load/manifests.ts")).declaredInFiles(found.manifests, options.dialects ?? [])
      : await (await import("./load/declaration.ts")).declaredInProgram(found.program, found.folder);
  const files = await valuesInFiles(options.valuesFiles ?? []);
  const before = [...declared.diagnostics, ...files.diagnostics];
  if (hasErrors(before)) return nothing(before, found.folder);
  return synthesise(declared, {
    ...found,
    dialects: options.dialects ?? [],
    given: { set: options.values ?? {}, files: files.values, env: options.env },
  });
}

function nothing(diagnostics: readonly Diagnostic[], folder = ""): Loaded {
  return {
    system: { apiVersion: "tutti.dev/v1", kind: "System", metadata: { name: basename(folder) }, spec: {} },
    resources: [],
    kinds: [],
    runs: [],
    folder,
    sources: new Map(),
    diagnostics,
  };
}

interface Use {
  readonly folder: string;
  readonly name: string;
  readonly given: Omit<Given, "own">;
  readonly dialects: readonly FileDialect[];
}

async function synthesise(declared: Declared, use: Use): Promise<Loaded> {
  const sources = new Map<string, Source>();
  const diagnostics: Diagnostic[] = [...declared.diagnostics];
  const settled = settledSystem(declared, use, sources);
  diagnostics.push(...settled.diagnostics);
  if (hasErrors(diagnostics))
    return {
      system: settled.system,
      resources: [],
      kinds: [],
      runs: [],
      folder: use.folder,
      sources,
      diagnostics,
    };
  const given = declared.resources(settled.values);
  const { resources, diagnostics: found } = await withDefinitions(given.resources, use.folder, use.dialects);
  diagnostics.push(...given.diagnostics, ...found);
  const { open } = settled;
  const param = Object.fromEntries(Object.entries(settled.values).filter(([name]) => !open.has(name)));
  const scope = { param, parameters: settled.parameters, env: use.given.env };
  const kinds = kindsIn(resources.map(({ value }) => value));
  const admitted = ({ value, source }: Located): readonly Draft[] => {
    const substituted = substitute(value, scope, isOwnIn(value));
    const draft = canonical(substituted.value);
    const { diagnostics: findings } = validate(draft);
    diagnostics.push(
      ...at(source, [
        ...substituted.findings.map((finding) => ({ ...withAddress(draft), ...finding })),
        ...findings,
      ]),
    );
    if (!isDraft(draft)) return [];
    const address = addressOf(draft);
    const first = sources.get(address);
    if (first === undefined && source !== undefined) sources.set(address, source);
    if (first !== undefined) diagnostics.push(...at(source, [duplicate(address, first)]));
    return [draft];
  };
  const drafts = withKinds(kinds, () => resources.flatMap(admitted));
  const { runs = [] } = declared;
  return { system: settled.system, resources: drafts, kinds, runs, folder: use.folder, sources, diagnostics };
}

interface Settled {
  readonly system: Draft;
  readonly values: Readonly<Record<string, string | number | boolean>>;
  readonly parameters: readonly string[];
  /** Parameters whose value is another one in some Location. */
  readonly open: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The System with the values of its parameters and the folder; one by the folder's name where none is declared. */
function settledSystem(declared: Declared, use: Use, sources: Map<string, Source>): Settled {
  const written = canonical(
    withTypes(declared.system?.value ?? { kind: "System", metadata: { name: use.name }, spec: {} }),
  );
  const { resource, diagnostics } = validate(written);
  const source = declared.system?.source;
  if (resource === undefined)
    return {
      system: written as Draft,
      values: {},
      parameters: [],
      open: new Set(),
      diagnostics: at(source, diagnostics),
    };
  const address = addressOf(resource);
  if (source !== undefined) sources.set(address, source);
  const spec = (written as { readonly spec: Readonly<Record<string, unknown>> }).spec;
  const parameters = (spec["parameters"] ?? {}) as Parameters<typeof valuesOf>[0];
  const given = { ...use.given, own: (spec["values"] ?? {}) as Readonly<Record<string, unknown>> };
  const { open, valued: elsewhere } = openIn(spec);
  const valued = valuesOf(parameters, given, address, elsewhere);
  const hasValues = Object.keys(valued.values).length > 0;
  const system = canonical({
    ...(written as object),
    spec: { ...spec, ...(hasValues ? { values: valued.values } : {}), folder: use.folder },
  }) as Draft;
  return {
    system,
    values: valued.values,
    parameters: Object.keys(parameters),
    open,
    diagnostics: at(source, valued.diagnostics),
  };
}

/** Parameters that give no type get that of their default, before the schema makes texts of them. */
function withTypes(system: unknown): unknown {
  const spec = isObject(system) ? system["spec"] : undefined;
  const parameters = isObject(spec) ? spec["parameters"] : undefined;
  if (!isObject(parameters) || !Object.values(parameters).every(isObject)) return system;
  return {
    ...(system as object),
    spec: { ...(spec as object), parameters: typed(parameters as Parameters<typeof typed>[0]) },
  };
}

function at(source: Source | undefined, diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (source === undefined) return diagnostics;
  return diagnostics.map((diagnostic) => ({ ...diagnostic, source: source.position(diagnostic.path) }));
}

function withAddress(value: unknown): { readonly address?: string } {
  return isDraft(value) ? { address: addressOf(value) } : {};
}

function duplicate(address: string, first: Source): Diagnostic {
  const { file, line } = first.position();
  const where = line === undefined ? basename(file) : `${basename(file)}:${line}`;
  return {
    severity: "error",
    code: "DuplicateResource",
    address,
    message: `${address} is declared already, at ${where}.`,
    hint: "Give each a name of its own, or remove one.",
  };
}

/**
 * One form for what means the same: apiVersion always, kind as it is called, a spec where the kind has one, members
 * sorted by name at every depth, absent ones left out.
 */
function canonical(value: unknown): unknown {
  if (!isObject(value) || typeof value["kind"] !== "string") return sorted(value);
  const kind = kindNamed(value["kind"]) ?? findKind(value["kind"]);
  if (kind === undefined || kind.kind !== value["kind"]) return sorted(value);
  const hasSpec = "spec" in kind.body.shape;
  const { spec, apiVersion, ...rest } = value;
  return sorted({
    apiVersion: apiVersion ?? kind.apiVersion,
    ...rest,
    ...(hasSpec ? { spec: spec ?? {} } : spec === undefined ? {} : { spec }),
  });
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : sorted(item)));
  const names = Object.keys(value).sort();
  const members = value as Readonly<Record<string, unknown>>;
  if (names.includes("__proto__"))
    return Object.fromEntries(names.map((name) => [name, sorted(members[name])]));
  const result: Record<string, unknown> = {};
  for (const name of names) if (members[name] !== undefined) result[name] = sorted(members[name]);
  return result;
}

function isDraft(value: unknown): value is Draft {
  return (
    isObject(value) &&
    typeof value["kind"] === "string" &&
    isObject(value["metadata"]) &&
    typeof value["metadata"]["name"] === "string"
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface FileValues {
  readonly values: Readonly<Record<string, unknown>>;
  readonly diagnostics: readonly Diagnostic[];
}

async function valuesInFiles(files: readonly string[]): Promise<FileValues> {
  if (files.length === 0) return { values: {}, diagnostics: [] };
  const { parseYaml } = await import("./load/yaml.ts");
  const values: Record<string, unknown> = {};
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const text = readText(file);
    if (typeof text !== "string") {
      diagnostics.push({ severity: "error", ...text });
      continue;
    }
    const parsed = parseYaml(text, file);
    diagnostics.push(...parsed.diagnostics);
    for (const { value, source } of parsed.manifests) {
      if (isObject(value)) Object.assign(values, value);
      else
        diagnostics.push({
          severity: "error",
          code: "WrongType",
          message: "A file of values holds names and values.",
          hint: "Write for example 'replicas: 3'.",
          source: source.position(),
        });
    }
  }
  return { values, diagnostics };
}
