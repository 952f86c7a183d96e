/** Corpora are given as a folder with files of known names, or as one file of the same format. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";

/** What was given is not what the implementation reads; the message says why. */
export class NotACorpus extends Error {
  constructor(path: string, why: string) {
    super(`'${path}' cannot be read as this corpus: ${why}`);
    this.name = "NotACorpus";
  }
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The file itself, or the one of that name in the folder. */
export function fileIn(path: string, name: string): string {
  if (!isFolder(path)) return path;
  const file = join(path, name);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file;
  throw new NotACorpus(path, `there is no file '${name}' in it.`);
}

export function readJson<T>(file: string, shape: z.ZodType<T>): T {
  return checked(file, parsed(file, readFileSync(file, "utf8")), shape);
}

/** JSON lines; empty ones are passed over. */
export function readLines<T>(file: string, shape: z.ZodType<T>): T[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const cases = lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    const where = `${file}:${index + 1}`;
    return [checked(where, parsed(where, line), shape)];
  });
  if (cases.length === 0) throw new NotACorpus(file, "there is no case in it.");
  return cases;
}

function parsed(where: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new NotACorpus(where, `it is no JSON (${(error as Error).message}).`);
  }
}

function checked<T>(where: string, value: unknown, shape: z.ZodType<T>): T {
  const { data, error } = shape.safeParse(value);
  if (error === undefined) return data as T;
  const [first] = error.issues;
  const path = first?.path.join(".") ?? "";
  throw new NotACorpus(
    where,
    `${path === "" ? "" : `at '${path}': `}${first?.message ?? "it has another shape"}.`,
  );
}
