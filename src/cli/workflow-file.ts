/** Workflows in files: of a declaration (TypeScript, YAML), or one definition in a dialect's words (JSON, YAML). */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { DiagnosticError, hasErrors, refuse } from "../diagnostics/diagnostic.ts";
import { suggest } from "../diagnostics/suggestion.ts";

/** A value out of a file, with where a path within it stands. */
export interface FileContent {
  readonly value: unknown;
  readonly position: (path: string) => { readonly file: string; readonly line?: number };
}

/** Refuses with a DiagnosticError. */
export async function readYaml(file: string): Promise<readonly FileContent[]> {
  const { parseYaml } = await import("../sdk/load/yaml.ts");
  const { manifests, diagnostics } = parseYaml(textOf(file), file);
  if (hasErrors(diagnostics)) throw new DiagnosticError(diagnostics);
  return manifests.map(({ value, source }) => ({ value, position: (path) => source.position(path) }));
}

/**
 * What `reference` names, seen from `folder`: `./order.yaml`, `./tutti.ts#order` (one of several), or a definition itself.
 * Refuses with a DiagnosticError.
 */
export async function workflowIn(
  reference: unknown,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<unknown> {
  if (typeof reference !== "string") return reference;
  const [path = "", name] = reference.split("#");
  const file = resolve(folder, path);
  const isProgram = [".ts", ".mts", ".js", ".mjs"].includes(extname(file)) || isFolder(file);
  return chosen(isProgram ? await declared(file, env) : await written(file), name, path);
}

async function declared(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Named[]> {
  const { load } = await import("../sdk/load.ts");
  const { resources, diagnostics } = await load(path, { env });
  if (hasErrors(diagnostics)) throw new DiagnosticError(diagnostics);
  return resources
    .filter(({ kind }) => kind === "Workflow")
    .map((value) => ({ name: value.metadata.name, value }));
}

async function written(file: string): Promise<readonly Named[]> {
  const contents = await readYaml(file);
  const workflows = contents.filter(
    ({ value }) => (value as { readonly kind?: unknown })?.kind === "Workflow",
  );
  const ours = workflows.filter(({ value }) => !isArgo(value));
  const [only] = contents;
  const name = basename(file, extname(file)).replace(/\.(asl|states)$/, "");
  if (ours.length === 0 && only !== undefined && contents.length === 1) return [{ name, value: only.value }];
  return ours.map(({ value }) => ({ name: nameOf(value) ?? name, value }));
}

interface Named {
  readonly name: string;
  readonly value: unknown;
}

function chosen(workflows: readonly Named[], name: string | undefined, path: string): unknown {
  const [only] = workflows;
  const names = workflows.map((workflow) => workflow.name);
  if (name === undefined && only !== undefined && workflows.length === 1) return only.value;
  const found = workflows.find((workflow) => workflow.name === name);
  if (found !== undefined) return found.value;
  const meant = name === undefined ? undefined : suggest(name, names);
  return refuse({
    code: "UnknownWorkflow",
    message:
      name === undefined
        ? `'${path}' holds ${workflows.length === 0 ? "no workflow" : "several workflows"}.`
        : `'${path}' holds no workflow '${name}'.`,
    hint:
      meant === undefined
        ? names.length === 0
          ? "Name a file that declares one."
          : `Say which, for example '${path}#${names[0] ?? ""}'; there is: ${names.join(", ")}.`
        : `Did you mean '${path}#${meant}'?`,
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return refuse({
      code: "UnreadableFile",
      message: `'${basename(file)}' cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}.`,
      hint: `It was looked for in ${dirname(file)}.`,
    });
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isArgo(value: unknown): boolean {
  return String((value as { readonly apiVersion?: unknown }).apiVersion).startsWith("argoproj.io/");
}

function nameOf(value: unknown): string | undefined {
  const { metadata } = value as { readonly metadata?: { readonly name?: string } };
  return metadata?.name;
}
