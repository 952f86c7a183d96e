/**
 * Writes what derives from the kinds but must be a file:
 *
 *  - src/sdk/specs.generated.ts: the types of what people write, with the schema's descriptions as documentation, which
 *    types inferred from a schema do not carry, and a builder for each kind;
 *  - docs/reference/kinds.md: a table of fields for each kind.
 *
 *     node scripts/generate.ts            write
 *     node scripts/generate.ts --check    complain about what is out of date
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { referencePage } from "./generate/reference.ts";
import { typesModule } from "./generate/types.ts";
import { type Finding, report, root } from "./sources.ts";

export interface Generated {
  readonly path: string;
  readonly text: string;
}

/** Everything generated, as it should be. */
export function generate(): readonly Generated[] {
  return [
    { path: "src/sdk/specs.generated.ts", text: formatted(typesModule()) },
    { path: "docs/reference/kinds.md", text: referencePage() },
  ];
}

function formatted(text: string): string {
  const oxfmt = resolve(root, "node_modules/.bin/oxfmt");
  const result = spawnSync(oxfmt, ["--stdin-filepath", "specs.generated.ts"], {
    cwd: root,
    input: text,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`oxfmt: ${result.stderr}`);
  return result.stdout;
}

/** The files that are not what the kinds make of them. */
export function stale(files: readonly Generated[]): readonly Finding[] {
  return files
    .filter(({ path, text }) => current(path) !== text)
    .map(({ path }) => ({ path, line: 1, message: "is out of date: run `npm run generate`" }));
}

function current(path: string): string | undefined {
  try {
    return readFileSync(resolve(root, path), "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  if (process.argv.includes("--check")) report("generate", stale(generate()));
  else {
    for (const { path, text } of generate()) {
      mkdirSync(dirname(resolve(root, path)), { recursive: true });
      writeFileSync(resolve(root, path), text);
    }
  }
}
