/** Dialects in which workflows are written, loaded when somebody writes in them: each is a language of its own. */
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import type { Dialect } from "../workflow/engine/program.ts";

/** Read by workers: not a language of this process. */
const CODE = "code";

const LOADERS: Readonly<Record<string, () => Promise<Dialect>>> = {
  "states-language": async () =>
    (await import("../dialects/states-language/engine/dialect.ts")).statesLanguage,
  argo: async () => (await import("../dialects/argo/index.ts")).argo,
};

const loaded = new Map<string, Dialect>();

/** Nothing for one that is not known. */
export async function loadDialect(name: string): Promise<Dialect | undefined> {
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  const known = loaded.get(name) ?? (await load?.());
  if (known !== undefined) loaded.set(name, known);
  return known;
}

/** Of every one: for an engine, which may have to read any. */
export async function loadDialects(): Promise<readonly Dialect[]> {
  const all = await Promise.all(Object.keys(LOADERS).map(loadDialect));
  return all.filter((one) => one !== undefined);
}

/** Of every one, loaded when a run in it begins: for an engine, which may have to read any and mostly reads none. */
export function dialectsOnDemand(): readonly Dialect[] {
  return Object.keys(LOADERS).map((name) => ({
    name,
    // Asked when a workflow is declared (checkProgram), and not of the engine.
    check: () => [],
    program: (definition) => ({
      run: async (stage) => {
        const dialect = await loadDialect(name);
        if (dialect === undefined) throw new Error(`The dialect '${name}' is not there.`);
        return dialect.program(definition).run(stage);
      },
    }),
  }));
}

interface Program {
  readonly dialect: string;
  readonly definition: unknown;
}

export function programIn(spec: unknown): Program | undefined {
  const program = (spec as { readonly program?: Partial<Program> } | null | undefined)?.program;
  return typeof program?.dialect === "string" ? (program as Program) : undefined;
}

/** What its dialect says of a program. The dialect has been loaded, if there is one. */
export function checkProgram({ dialect, definition }: Program): readonly Diagnostic[] {
  const known = loaded.get(dialect);
  if (known === undefined) return dialect === CODE ? [] : [unknownDialect(dialect)];
  try {
    return known.check(definition).map(({ path, code, message }) => ({
      severity: "error",
      code,
      path: ["spec.program.definition", path].filter((part) => part !== "").join("."),
      message,
    }));
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    return [
      {
        severity: "error",
        code: "InvalidProgram",
        path: "spec.program.definition",
        message: `It is no definition in ${dialect}.`,
        hint: "Give it as an object, as the dialect's files hold it.",
      },
    ];
  }
}

function unknownDialect(name: string): Diagnostic {
  const known = [...Object.keys(LOADERS), CODE];
  return {
    severity: "error",
    code: "UnknownDialect",
    path: "spec.program.dialect",
    message: `There is no dialect '${name.slice(0, 80)}'.`,
    hint: didYouMean(name, known) ?? `There is ${known.join(", ")}.`,
  };
}
