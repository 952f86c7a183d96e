/** Which files make up a declaration: `tutti.ts`, else `tutti.yaml`, else every YAML file of the folder. */
import { readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { suggest } from "../../diagnostics/suggestion.ts";
import { MAX_FILE_BYTES } from "./limits.ts";

export interface Found {
  /** The declaration's folder: absolute, symbolic links resolved. */
  readonly folder: string;
  /** Name for a system that gives itself none. */
  readonly name: string;
  readonly program?: string;
  readonly manifests: readonly string[];
}

const PROGRAMS: readonly string[] = ["tutti.ts", "tutti.mts", "tutti.js", "tutti.mjs"];
const PROGRAM_EXTENSIONS: ReadonlySet<string> = new Set([".ts", ".mts", ".js", ".mjs"]);
const MANIFEST_EXTENSIONS: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

/** What `tutti rehearse` assumes: it declares nothing. */
const ASSUMPTIONS = "rehearsal.yaml";

type Refusal = Omit<Diagnostic, "severity">;

export function findFiles(path: string): Found | Refusal {
  const absolute = resolve(path);
  try {
    const real = realpathSync(absolute);
    return statSync(real).isDirectory() ? inFolder(real, path) : oneFile(real);
  } catch (error) {
    return unreadable(error, absolute, path);
  }
}

export function isFound(result: Found | Refusal): result is Found {
  return "folder" in result;
}

function oneFile(file: string): Found | Refusal {
  const folder = dirname(file);
  const extension = extname(file);
  const stem = basename(file, extension);
  const name = systemName(stem === "tutti" ? basename(folder) : stem);
  if (PROGRAM_EXTENSIONS.has(extension)) return { folder, name, program: file, manifests: [] };
  if (MANIFEST_EXTENSIONS.has(extension)) return { folder, name, manifests: [file] };
  return {
    code: "UnknownFormat",
    message: `'${basename(file)}' is no declaration: it is neither TypeScript nor YAML.`,
    hint: "Name a folder, or a file that ends in .ts, .yaml, .yml or .json.",
  };
}

function inFolder(folder: string, as: string): Found | Refusal {
  const entries = readdirSync(folder).toSorted();
  const name = systemName(basename(folder));
  const program = PROGRAMS.find((candidate) => entries.includes(candidate));
  if (program !== undefined) return { folder, name, program: join(folder, program), manifests: [] };
  const one = ["tutti.yaml", "tutti.yml"].find((candidate) => entries.includes(candidate));
  const all = entries.filter((entry) => /^[^.].*\.ya?ml$/.test(entry) && entry !== ASSUMPTIONS);
  const manifests = one === undefined ? all : [one];
  if (manifests.length > 0) return { folder, name, manifests: manifests.map((entry) => join(folder, entry)) };
  return {
    code: "NoDeclaration",
    message: `There is no tutti.ts and no YAML file in '${as}'.`,
    hint: beginHint(as),
  };
}

function beginHint(as: string): string {
  return `Name another folder, or begin with 'tutti init${as === "." ? "" : ` ${as}`}'.`;
}

function systemName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 63);
  return name === "" ? "system" : name;
}

function unreadable(error: unknown, absolute: string, as: string): Refusal {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT")
    return { code: "NoSuchFile", message: `There is no '${as}'.`, hint: nearby(absolute) ?? otherHint(as) };
  if (code === "EACCES" || code === "EPERM")
    return {
      code: "Unreadable",
      message: `'${as}' may not be read by this user.`,
      hint: `Give the right to read it: chmod -R u+rX '${as}', or run as its owner.`,
    };
  return {
    code: "Unreadable",
    message: `'${as}' cannot be read (${code === "" ? String(error) : code}).`,
    hint: "Name a folder or a file.",
  };
}

/** What ends like a file is no folder to begin in. */
function otherHint(as: string): string {
  return /\.(?:[mc]?[tj]s|ya?ml|json)$/.test(as) ? "Name a file that is there, or a folder." : beginHint(as);
}

function nearby(absolute: string): string | undefined {
  try {
    const near = suggest(basename(absolute), readdirSync(dirname(absolute)));
    return near === undefined ? undefined : `Did you mean '${near}'?`;
  } catch {
    return undefined;
  }
}

/** The text of a file, or why there is none. */
export function readText(file: string, as = file): string | Refusal {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE_BYTES) {
      return {
        code: "TooLarge",
        message: `The file has ${(size / (1 << 20)).toFixed(1)} MB; a declaration has at most ${MAX_FILE_BYTES >> 20}.`,
        hint: "Split it, or keep what is large in a file that a program reads.",
        source: { file },
      };
    }
    const text = readFileSync(file, "utf8");
    if (text.includes("\0"))
      return {
        code: "UnknownFormat",
        message: "It is not a text file.",
        hint: "Declarations are text in UTF-8.",
        source: { file },
      };
    return text;
  } catch (error) {
    return { ...unreadable(error, file, as), source: { file } };
  }
}
