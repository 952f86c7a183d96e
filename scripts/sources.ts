/**
 * Reading the sources: which files there are and what they import. Shared by the boundary check and the
 * budgets.
 */
import { globSync, readFileSync } from "node:fs";
import { posix, resolve, sep } from "node:path";
import { publicSurface } from "./layers.ts";

/** The repository's own folder. */
export const root: string = resolve(import.meta.dirname, "..");

/** Source text by path, relative to the repository, with `/`. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The file meant, relative to the repository, or nothing when it is another package's. */
  readonly path: string | undefined;
  /** From 1. */
  readonly line: number;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Every `.ts` file below the given folders. */
export function readSources(...folders: string[]): Sources {
  const paths = folders.flatMap((folder) =>
    globSync(`${folder}/**/*.ts`, { cwd: root, exclude: (name) => name === "node_modules" }),
  );
  return new Map(
    paths
      .map((path) => path.split(sep).join("/"))
      .toSorted()
      .map((path) => [path, readFileSync(resolve(root, path), "utf8")]),
  );
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.includes("/fixtures/");
}

/*
 * Statements stand at the start of a line (the formatter sees to that), so text in strings and comments is
 * not mistaken for them. Three forms name a file elsewhere in a line: `import("...")`, as a value and as a
 * type; and `new URL("...", import.meta.url)`, which is how a worker's file is named.
 */
const patterns: readonly RegExp[] = [
  /^(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"'\n]+)["']/gm,
  /^import\s*["']([^"'\n]+)["']/gm,
  /^(?!\s*(?:\/\/|\/?\*)).*?\bimport\(\s*["']([^"'\n]+)["']/gm,
  /\bnew URL\(\s*["'](\.[^"'\n]+\.ts)["']/gm,
];

/** What a file imports, for its types or its values, statically or later, in the order of the lines. */
export function importsOf(path: string, text: string): Import[] {
  return patterns
    .flatMap((pattern) => [...text.matchAll(pattern)])
    .map((match) => {
      const specifier = match[1] ?? "";
      const at = match.index + match[0].length;
      return { specifier, path: locate(path, specifier), line: text.slice(0, at).split("\n").length };
    })
    .toSorted((a, b) => a.line - b.line);
}

function locate(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
  return publicSurface[specifier];
}

/** Prints findings one a line, as editors and CI logs link them, and sets the exit code. */
export function report(check: string, findings: readonly Finding[]): void {
  for (const { path, line, message } of findings) console.log(`${path}:${line} ${message}`);
  console.log(findings.length === 0 ? `${check}: in order` : `${check}: ${findings.length} to put right`);
  if (findings.length > 0) process.exitCode = 1;
}
