/** Files of other tools in a declaration: each dialect (src/dialects) says which documents are its own, and what they declare. */
import { extname, resolve } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Located } from "../load.ts";
import { readText } from "./find.ts";
import type { Manifested } from "./yaml.ts";

export interface FileDialect {
  /** As `program.dialect` of a Workflow names it, where it is one of workflows. */
  readonly name: string;
  /** Asked of every document, hence cheap. */
  readonly recognise: (document: Manifested) => boolean;
  /** What cannot be translated is a diagnostic with its line. `all`: every document of the declaration, of whatever format. */
  readonly translate: (document: Manifested, all: readonly Manifested[]) => Promise<Translation>;
  /** What a Workflow means whose `program.definition` names a file with these documents. */
  readonly definition?: (documents: readonly Manifested[], file: string) => Promise<Defined>;
}

export interface Translation {
  /** In the place of the document. */
  readonly resources: readonly Located[];
  /** To be begun once the resources are committed. */
  readonly runs: readonly DeclaredRun[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface DeclaredRun {
  readonly workflow: string;
  /** It begins once; without a name, another one begins each time the file is applied. */
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Defined {
  readonly definition?: unknown;
  readonly diagnostics: readonly Diagnostic[];
}

/** Documents that no dialect claims stand for themselves. */
export async function translated(
  documents: readonly Manifested[],
  dialects: readonly FileDialect[],
): Promise<Translation> {
  const claims = documents.map((document) => dialects.find((one) => one.recognise(document)));
  if (claims.every((dialect) => dialect === undefined))
    return { resources: documents, runs: [], diagnostics: [] };
  const all = await Promise.all(
    documents.map(
      async (document, index): Promise<Translation> =>
        claims[index]?.translate(document, documents) ?? { resources: [document], runs: [], diagnostics: [] },
    ),
  );
  return {
    resources: all.flatMap(({ resources }) => resources),
    runs: all.flatMap(({ runs }) => runs),
    diagnostics: all.flatMap(({ diagnostics }) => diagnostics),
  };
}

const EXTENSIONS: ReadonlySet<string> = new Set([".json", ".yaml", ".yml"]);

/** Definitions that name a file, relative to `folder`, are what is in it. */
export async function withDefinitions(
  resources: readonly Located[],
  folder: string,
  dialects: readonly FileDialect[],
): Promise<{ readonly resources: readonly Located[]; readonly diagnostics: readonly Diagnostic[] }> {
  if (!resources.some(({ value }) => namedFile(value) !== undefined)) return { resources, diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const defined = resources.map(async (located): Promise<Located> => {
    const named = namedFile(located.value);
    const dialect = dialects.find(({ name }) => name === named?.dialect);
    if (named === undefined || dialect?.definition === undefined) return located;
    const file = resolve(folder, named.file);
    const found = await definedIn(file, named.file, dialect.definition);
    diagnostics.push(...found.diagnostics);
    return found.definition === undefined ? located : { ...located, value: named.with(found.definition) };
  });
  return { resources: await Promise.all(defined), diagnostics };
}

async function definedIn(
  file: string,
  as: string,
  definition: NonNullable<FileDialect["definition"]>,
): Promise<Defined> {
  const text = readText(file, as);
  if (typeof text !== "string") return { diagnostics: [{ severity: "error", ...text }] };
  const { parseYaml } = await import("./yaml.ts");
  const { manifests, diagnostics } = parseYaml(text, file);
  return diagnostics.length > 0 ? { diagnostics } : definition(manifests, file);
}

interface WithProgram {
  readonly kind?: unknown;
  readonly spec?: { readonly program?: { readonly dialect?: unknown; readonly definition?: unknown } } | null;
}

interface NamedFile {
  readonly dialect: string;
  readonly file: string;
  readonly with: (definition: unknown) => unknown;
}

function namedFile(value: unknown): NamedFile | undefined {
  const { kind, spec } = (value ?? {}) as WithProgram;
  const { dialect, definition } = spec?.program ?? {};
  if (kind !== "Workflow" || typeof dialect !== "string" || typeof definition !== "string") return undefined;
  if (!EXTENSIONS.has(extname(definition))) return undefined;
  return {
    dialect,
    file: definition,
    with: (content) => ({
      ...(value as object),
      spec: { ...spec, program: { ...spec?.program, definition: content } },
    }),
  };
}

/** Where things of a document stand, for a resource that holds it at `prefix`. */
export function sourceBelow({ source }: Manifested, prefix: string): Manifested["source"] {
  return {
    file: source.file,
    position: (path = "") =>
      source.position(path.startsWith(prefix) ? path.slice(prefix.length).replace(/^\./, "") : ""),
  };
}
