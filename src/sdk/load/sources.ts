/** Where declared things stand in their files: what lets a diagnostic name file, line and column. */
import type { Diagnostic, SourcePosition } from "../../diagnostics/diagnostic.ts";

/** Where one resource stands. */
export interface Source {
  readonly file: string;
  /** Position of a path within the resource (`spec.ports[0].port`), or of the nearest thing around it. */
  position(path?: string): SourcePosition;
}

/** By address: `service/api`. */
export type Sources = ReadonlyMap<string, Source>;

/** The diagnostics with positions, where a resource is concerned whose source is known. */
export function located(diagnostics: readonly Diagnostic[], sources: Sources): readonly Diagnostic[] {
  return diagnostics.map((diagnostic) => {
    const source =
      diagnostic.address === undefined || diagnostic.source !== undefined
        ? undefined
        : sources.get(diagnostic.address);
    return source === undefined ? diagnostic : { ...diagnostic, source: source.position(diagnostic.path) };
  });
}

/** The steps of a path as diagnostics spell it; the inverse of `pathText`. */
export function stepsOf(path: string): readonly (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    if (match[2] !== undefined) steps.push(Number(match[2]));
    else steps.push(match[1] ?? match[3] ?? "");
  }
  return steps;
}
