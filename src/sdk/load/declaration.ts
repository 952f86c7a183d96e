/** A declaration in a program: what `tutti.ts` exports by default. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import {
  type Declared as DeclaredResource,
  Ref,
  declare,
  isDeclared,
  manifestOf,
} from "../../kinds/declaration.ts";
import { frameOf } from "../builder.ts";
import { resourceDefinition } from "../define-resource.ts";
import { positionInFrame } from "../../diagnostics/call-site.ts";
import type { Declared, Located } from "../load.ts";
import { type SystemDeclaration, isSystemDeclaration } from "../system.ts";
import { readText } from "./find.ts";
import { definitionsIn } from "./definitions.ts";
import { beyondLimits } from "./limits.ts";
import { ProgramSource } from "./program-source.ts";
import { runInProgram, runProgram } from "./program.ts";

export async function declaredInProgram(file: string, folder: string): Promise<Declared> {
  const text = readText(file);
  if (typeof text !== "string") return refused({ severity: "error", ...text });
  const { value, diagnostics } = await runProgram(file, folder);
  if (diagnostics.length > 0) return refused(...diagnostics);
  if (isSystemDeclaration(value)) return fromSystem(value, file, folder);
  if (Array.isArray(value) || isDeclared(value))
    return { resources: () => located(value, file, folder), diagnostics: [] };
  const message =
    value === undefined ? "It exports no system by default." : "What it exports by default is no system.";
  return refused({
    severity: "error",
    code: "NoSystem",
    message,
    hint: 'Write: export default system("name", [...]).',
    source: { file },
  });
}

function refused(...diagnostics: readonly Diagnostic[]): Declared {
  return { resources: () => ({ resources: [], diagnostics: [] }), diagnostics };
}

function fromSystem(declaration: SystemDeclaration, file: string, folder: string): Declared {
  const { name, options } = declaration;
  // What is made of references (outputs) is written as manifests write it, as of any resource.
  const spec = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { apiVersion: _apiVersion, ...system } = manifestOf(
    declare({ apiVersion: "", kind: "System", metadata: { name }, spec }, {}),
  );
  return {
    system: { value: system, source: new ProgramSource(systemPosition(file), Number.POSITIVE_INFINITY) },
    resources: (values) => {
      const result = runInProgram(() => located(declaration.resources(values), file, folder), file, folder);
      return "value" in result ? result.value : { resources: [], diagnostics: [result.diagnostic] };
    },
    diagnostics: [],
  };
}

function systemPosition(file: string): { readonly file: string; readonly line?: number } {
  const text = readText(file);
  const index = typeof text === "string" ? text.split("\n").findIndex((line) => /\bsystem\(/.test(line)) : -1;
  return index < 0 ? { file } : { file, line: index + 1 };
}

/** May throw what a getter of the program throws. */
function located(
  exported: unknown,
  file: string,
  folder: string,
): { readonly resources: readonly Located[]; readonly diagnostics: readonly Diagnostic[] } {
  const all = flat(exported);
  const definitions = definitionsIn(all, file, folder);
  const items = all.filter((item) => typeof item !== "function" || resourceDefinition(item) === undefined);
  const positions = items.map((item) =>
    positionInFrame((isDeclared(item) ? frameOf(item) : undefined) ?? ""),
  );
  const diagnostics: Diagnostic[] = [];
  const resources = items.flatMap((item, index): readonly Located[] => {
    const at = positions[index] ?? { file };
    const source = new ProgramSource(at, nextLine(positions, at));
    const problem = isDeclared(item) || isPlain(item) ? beyondLimits(visible(item)) : NOT_A_RESOURCE;
    if (problem === undefined) return [{ value: plainManifest(item), source }];
    diagnostics.push({ severity: "error", ...problem, source: source.position() });
    return [];
  });
  return { resources: [...definitions, ...resources], diagnostics };
}

const NOT_A_RESOURCE: Omit<Diagnostic, "severity"> = {
  code: "NotAResource",
  message: "In the list of resources stands something that is none.",
  hint: "List what builders such as service(...) give, or manifests with kind, metadata and spec.",
};

function nextLine(
  positions: readonly ({ readonly file: string; readonly line?: number } | undefined)[],
  at: { readonly file: string; readonly line?: number },
): number {
  const lines = positions.flatMap((other) =>
    other?.file === at.file && other.line !== undefined && other.line > (at.line ?? 0) ? [other.line] : [],
  );
  return Math.min(Number.POSITIVE_INFINITY, ...lines);
}

/** Lists within lists are one; false, null and undefined stand for nothing. A list that holds itself ends somewhere. */
function flat(value: unknown, depth = 0): readonly unknown[] {
  if (!Array.isArray(value)) return value === false || value === null || value === undefined ? [] : [value];
  return depth > 20 ? [] : value.flatMap((item) => flat(item, depth + 1));
}

function isPlain(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Ref);
}

/** The content of a declaration as limits are checked on it: before it is walked recursively. */
function visible(item: unknown): unknown {
  if (!isDeclared(item)) return item;
  const [symbol] = Object.getOwnPropertySymbols(item);
  return symbol === undefined ? undefined : (item as unknown as Readonly<Record<symbol, unknown>>)[symbol];
}

/** References in a manifest that no builder made become expressions as well. Functions and the like are left out. */
function plainManifest(item: unknown): unknown {
  const value: unknown = isDeclared(item) ? manifestOf(item as DeclaredResource) : item;
  return JSON.parse(JSON.stringify(value));
}
