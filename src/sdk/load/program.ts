/**
 * Runs a `tutti.ts` and gives what it exports by default.
 *
 * The program is imported into this process, with three things arranged by module hooks for it and what it imports from
 * its folder: `tutti` means this very package, whether or not the project has it installed; TypeScript is understood
 * whatever the folder's package.json says; and when one of the program's files has changed since it was loaded before, all
 * of them are read again, since the names of their modules carry a number that then grows. What it throws becomes a diagnostic at its own line. What it prints goes to standard error, so that
 * standard output stays what the command prints.
 */
import { readFileSync, statSync } from "node:fs";
import { registerHooks } from "node:module";
import { sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";
import { positionInFrame } from "../../diagnostics/call-site.ts";

export interface ProgramResult {
  readonly value?: unknown;
  readonly diagnostics: readonly Diagnostic[];
}

/** How long a program may take. A promise that never resolves would end this process without a word. */
const TIMEOUT = 30_000;
const MARK = "tutti-load";
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const entries: Readonly<Record<string, string>> = {
  tutti: new URL(`../index${extension}`, import.meta.url).href,
  "tutti/client": new URL(`../../client/index${extension}`, import.meta.url).href,
  "tutti/testing": new URL(`../../testing/index${extension}`, import.meta.url).href,
};

/** What was loaded for a program: its files with a stamp of each, and how often that changed. */
interface Generation {
  readonly number: number;
  readonly stamps: Map<string, string>;
  /** Of the program's files, which of them each imports. */
  readonly imports: Map<string, Set<string>>;
}

const generations = new Map<string, Generation>();

/** The one before while none of its files has changed, else a new one. */
function generationOf(file: string): Generation {
  const before = generations.get(file);
  if (before !== undefined && [...before.stamps].every(([path, stamp]) => stampOf(path) === stamp))
    return before;
  const generation = {
    number: (before?.number ?? 0) + 1,
    stamps: new Map<string, string>(),
    imports: new Map<string, Set<string>>(),
  };
  generations.set(file, generation);
  return generation;
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.mtimeMs}-${stats.size}`;
}

export async function runProgram(file: string, folder: string): Promise<ProgramResult> {
  const generation = generationOf(file);
  const hooks = hooksFor(folder, generation);
  const restore = captureProcess();
  try {
    const module = (await withTimeout(import(marked(pathToFileURL(file).href, generation)))) as {
      readonly default?: unknown;
    };
    const value = await withTimeout(Promise.resolve(module.default));
    return { value, diagnostics: [] };
  } catch (error) {
    return { diagnostics: [failure(error, file, folder)] };
  } finally {
    restore();
    hooks.deregister();
  }
}

/** Runs `body`, which is part of the program (the function given to `system`), with the same care. */
export function runInProgram<T>(
  body: () => T,
  file: string,
  folder: string,
): { readonly value: T } | { readonly diagnostic: Diagnostic } {
  const restore = captureProcess();
  try {
    return { value: body() };
  } catch (error) {
    return { diagnostic: failure(error, file, folder) };
  } finally {
    restore();
  }
}

function hooksFor(folder: string, generation: Generation): { deregister(): void } {
  const inProject = (url: string): boolean => {
    if (!url.startsWith("file:")) return false;
    const path = fileURLToPath(url);
    return path.startsWith(`${folder}${sep}`) && !path.includes(`${sep}node_modules${sep}`);
  };
  return registerHooks({
    resolve(specifier, context, nextResolve) {
      const entry = entries[specifier];
      if (entry !== undefined) return { url: entry, shortCircuit: true };
      const result = nextResolve(specifier, context);
      const { parentURL } = context;
      if (parentURL?.includes(MARK) !== true || !inProject(result.url)) return result;
      noteImport(generation, fileURLToPath(parentURL), fileURLToPath(result.url));
      return { ...result, url: marked(result.url, generation) };
    },
    load(url, context, nextLoad) {
      const isOurs = url.includes(`${MARK}=`);
      if (!isOurs || !/\.m?ts\?/.test(url)) return nextLoad(url, context);
      return nextLoad(url, { ...context, format: "module-typescript" });
    },
  });
}

function noteImport({ imports }: Generation, from: string, to: string): void {
  imports.set(from, (imports.get(from) ?? new Set()).add(to));
}

/** The text of a module of the program and of what it imports from the folder, by absolute path; empty for one of elsewhere. */
export function sourcesOf(program: string, module: string): Readonly<Record<string, string>> {
  const generation = generations.get(program);
  const sources: Record<string, string> = {};
  const visit = (path: string): void => {
    if (Object.hasOwn(sources, path) || generation?.stamps.has(path) !== true) return;
    sources[path] = readFileSync(path, "utf8");
    for (const imported of generation.imports.get(path) ?? []) visit(imported);
  };
  visit(module);
  return sources;
}

function marked(url: string, { number, stamps }: Generation): string {
  if (url.includes(`${MARK}=`)) return url;
  const path = fileURLToPath(url);
  stamps.set(path, stampOf(path));
  return `${url}${url.includes("?") ? "&" : "?"}${MARK}=${number}`;
}

async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ProgramTimeout()), TIMEOUT);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

class ProgramTimeout extends Error {
  override readonly name = "ProgramTimeout";
}

class ProgramExit extends Error {
  override readonly name = "ProgramExit";
}

/** While the program runs, its console is standard error and it may not end this process. */
function captureProcess(): () => void {
  const terminal: Console = globalThis.console;
  const before = {
    log: terminal.log.bind(terminal),
    info: terminal.info.bind(terminal),
    debug: terminal.debug.bind(terminal),
  };
  const exit = process.exit.bind(process);
  terminal.log = terminal.info = terminal.debug = (...values: unknown[]): void => terminal.error(...values);
  process.exit = (code?: string | number | null): never => {
    throw new ProgramExit(`It called process.exit(${String(code ?? "")})`);
  };
  return () => {
    Object.assign(terminal, before);
    process.exit = exit;
  };
}

const SYNTAX: ReadonlySet<string> = new Set([
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
]);

function failure(error: unknown, file: string, folder: string): Diagnostic {
  if (error instanceof ProgramTimeout) {
    return {
      severity: "error",
      code: "ProgramTimeout",
      message: `It did not end within ${TIMEOUT / 1000} s.`,
      hint: "Look for a promise that is never resolved.",
      source: { file },
    };
  }
  const code = (error as { readonly code?: unknown } | null)?.code;
  const source = positionOf(error, file, folder);
  if (error instanceof SyntaxError || (typeof code === "string" && SYNTAX.has(code)))
    return syntaxFailure(error as Error, source);
  if (code === "ERR_MODULE_NOT_FOUND") return notFound(error as Error, source, file);
  return {
    severity: "error",
    code: "ProgramFailed",
    message: `It throws: ${sentence(messageOf(error))}`,
    hint: "Correct it there; nothing was changed.",
    source,
  };
}

function syntaxFailure(error: Error, source: SourcePosition): Diagnostic {
  const missing = /does not provide an export named '([^']+)'/.exec(error.message);
  const hint =
    missing === null
      ? "Node runs TypeScript by leaving the types out: enums, namespaces and parameter properties do not work."
      : "Check the name of what is imported.";
  return {
    severity: "error",
    code: "SyntaxError",
    message: sentence(withoutUrls(error.message)),
    hint,
    source,
  };
}

function notFound(error: Error, source: SourcePosition, file: string): Diagnostic {
  const name = /Cannot find (?:package|module) '([^']+)'/.exec(error.message)?.[1] ?? "";
  const short =
    name.startsWith("/") || name.startsWith("file:") ? `'${withoutUrls(name)}'` : `the package '${name}'`;
  const hint =
    name.startsWith("/") || name.startsWith("file:")
      ? "Check the path; an import of a file ends in .ts."
      : `Install it beside the program: npm install ${name}.`;
  return {
    severity: "error",
    code: "ImportNotFound",
    message: `It imports ${short}, which cannot be found.`,
    hint,
    source: source.line === undefined ? { ...source, ...importLine(file, name) } : source,
  };
}

/** Node does not say where a failing import stands: the first line that names it. */
function importLine(file: string, name: string): { readonly line?: number } {
  const last = name.split("/").at(-1) ?? name;
  try {
    const index = readFileSync(file, "utf8")
      .split("\n")
      .findIndex((line) => /\bfrom\b|\bimport\b/.test(line) && line.includes(last));
    return index < 0 ? {} : { line: index + 1 };
  } catch {
    return {};
  }
}

function positionOf(error: unknown, file: string, folder: string): SourcePosition {
  const stack = error instanceof Error && typeof error.stack === "string" ? error.stack : "";
  for (const line of stack.split("\n").slice(0, 100)) {
    const position = positionInFrame(line.replace(/\?tutti-load=\d+/, ""));
    if (position !== undefined && position.file.startsWith(`${folder}${sep}`)) return position;
  }
  return { file };
}

function messageOf(error: unknown): string {
  if (error instanceof Error)
    return error.name === "Error" || error instanceof ProgramExit
      ? error.message
      : `${error.name}: ${error.message}`;
  try {
    return typeof error === "string" ? error : (JSON.stringify(error) ?? String(error));
  } catch {
    return "a value that cannot be shown";
  }
}

/** One line of at most 300 characters that ends like a sentence. */
function sentence(text: string): string {
  const line = (text.split("\n").find((candidate) => candidate.trim() !== "") ?? "").trim().slice(0, 300);
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function withoutUrls(text: string): string {
  return text
    .replace(/\?tutti-load=\d+/g, "")
    .replace(/file:\/\/\S*\/src\/sdk\/index\.[jt]s/g, "tutti")
    .replaceAll("file://", "");
}
