/**
 * Declarations that are written into the user's own files: where they go, and what they look like.
 *
 *   folder with tutti.ts ............ nothing is written: the TypeScript is printed, to be pasted
 *   folder with tutti.yaml, a file .. behind what is there
 *   other folder .................... imported.yaml, made or continued
 *
 *  - A file is replaced as a whole or not at all, and `undo` puts back what was there.
 *  - What stands in it by default is left out: people read it.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative, resolve } from "node:path";
import { kindNamed } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { equal } from "../model/equality.ts";
import { type Draft, rootName } from "../model/resource.ts";
import { CommandFailure, EXIT } from "./exit.ts";

export interface Written {
  /** Absolute. */
  readonly file: string;
  /** Puts back what was there. */
  readonly undo: () => void;
}

export interface Place {
  /** Of the declaration; a file that declares by itself. */
  readonly path: string;
  /** `--write`: relative to the folder. */
  readonly file?: string;
}

const PROGRAM = /\.[mc]?[tj]s$/;
const PROGRAMS = ["tutti.ts", "tutti.mts", "tutti.js", "tutti.mjs"];

/** The file that new manifests go into; undefined where the declaration is a program. */
export function fileFor({ path, file }: Place): string | undefined {
  const isFile = existsSync(path) && statSync(path).isFile();
  if (isFile) return PROGRAM.test(path) ? undefined : path;
  if (file !== undefined) return resolve(path, file);
  if (PROGRAMS.some((name) => existsSync(join(path, name)))) return undefined;
  const one = ["tutti.yaml", "tutti.yml"].find((name) => existsSync(join(path, name)));
  return join(path, one ?? "imported.yaml");
}

/** Behind what is in the file. Fails with exit code 2 when it cannot be written, or would not be read. */
export async function append(file: string, drafts: readonly Draft[]): Promise<Written> {
  if (![".yaml", ".yml"].includes(extname(file)))
    throw new CommandFailure(
      EXIT.usage,
      `'${basename(file)}' is no file of manifests.`,
      "Name one that ends in .yaml.",
    );
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  const text = await manifestsText(drafts);
  const kept = before === undefined || before.trim() === "" ? "" : `${before.trimEnd()}\n---\n`;
  replace(file, kept + text);
  return {
    file,
    undo: () => {
      if (before === undefined) rmSync(file, { force: true });
      else replace(file, before);
    },
  };
}

function replace(file: string, text: string): void {
  const partial = `${file}.partial`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw new CommandFailure(
      EXIT.usage,
      `'${relative(process.cwd(), file)}' cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}).`,
      "Name another file with --write, in a folder you may write to.",
    );
  }
}

export async function manifestsText(drafts: readonly Draft[]): Promise<string> {
  const { stringify } = await import("yaml");
  return drafts
    .map((draft) => stringify(plain(draft), { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}

/** For a declaration in TypeScript: one call each. */
export function programText(drafts: readonly Draft[]): string {
  const calls = drafts.map((draft) => {
    const { metadata, spec, ...body } = plain(draft);
    const { kind: _kind, ...rest } = body;
    const { name, ...others } = metadata as { readonly name: string };
    const parts = [spec ?? rest, ...(Object.keys(others).length === 0 ? [] : [others])];
    const words = [name, ...parts].map((part) => JSON.stringify(part, undefined, 2)).join(", ");
    return `${rootName(draft.kind)}(${words}),`;
  });
  return `${calls.join("\n")}\n`;
}

/** As people would write it: no version, no defaults. */
function plain(draft: Draft): Readonly<Record<string, unknown>> {
  const { apiVersion: _apiVersion, kind, metadata, ...body } = draft;
  const schema = kindNamed(kind);
  const defaults = schema === undefined ? {} : bodySchema(schema);
  return { kind, metadata, ...withoutDefaults(body as Readonly<Record<string, unknown>>) };

  function withoutDefaults(
    value: Readonly<Record<string, unknown>>,
    path: readonly string[] = [],
  ): Readonly<Record<string, unknown>> {
    const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
      const place = [...path, name];
      if (equal(schemaAt(defaults, place)?.default, member)) return [];
      return [[name, isObject(member) ? withoutDefaults(member, place) : member]];
    });
    return Object.fromEntries(members);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
