/**
 * Loads a module of handlers in this thread. `tutti` means this very package, whether or not the project has it installed;
 * TypeScript is understood whatever the folder's package.json says. Which files it was made of is told also when it fails.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type CodeWorkflowDefinition, codeDefinition } from "../code/code-workflow.ts";
import { type HandlerDefinition, compareVersions, handlerDefinition, offeredHandlers } from "./handler.ts";
import { stampNow } from "./stamp.ts";

export interface LoadedModule {
  readonly handlers: readonly HandlerDefinition[];
  readonly programs: readonly CodeWorkflowDefinition[];
}

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const entries: Readonly<Record<string, string>> = {
  tutti: new URL(`../../sdk/index${extension}`, import.meta.url).href,
  "tutti/client": new URL(`../../client/index${extension}`, import.meta.url).href,
  "tutti/testing": new URL(`../../testing/index${extension}`, import.meta.url).href,
};

/** The text of files by absolute path, in place of what is on the disk. */
export type Sources = Readonly<Record<string, string>>;

export class ModuleLoader {
  readonly #path: string;
  readonly #sources: Sources;
  /** With a stamp from before each was read: what changes meanwhile is seen as a change. */
  readonly #files = new Map<string, string>();

  /** `path`: absolute. */
  constructor(path: string, sources: Sources = {}) {
    this.#path = path;
    this.#sources = sources;
    this.#files.set(path, stampNow(path));
  }

  /** The module, and what it imports that is not installed, as far as it was loaded. */
  get files(): readonly (readonly [path: string, stamp: string])[] {
    return [...this.#files];
  }

  /** `sha256:` of the content of the files. */
  get hash(): string {
    const hash = createHash("sha256");
    for (const file of this.#files.keys()) hash.update(contentOf(file)).update("\0");
    return `sha256:${hash.digest("hex")}`;
  }

  /** Rejects with what the module throws. */
  async load(): Promise<LoadedModule> {
    this.#hook();
    const exported = (await import(pathToFileURL(this.#path).href)) as Readonly<Record<string, unknown>>;
    const values = Object.values(exported);
    return { handlers: [...handlersIn(values), ...offeredHandlers()], programs: programsIn(values) };
  }

  /** The URL of what is pinned: it need not be on the disk any more. */
  #pinned(specifier: string, parent: string | undefined): string | undefined {
    if (!/^(?:\.|\/|file:)/.test(specifier)) return undefined;
    const { href } = new URL(specifier, parent);
    return href.startsWith("file:") && Object.hasOwn(this.#sources, fileURLToPath(href)) ? href : undefined;
  }

  /** Stays: a handler may import something later. */
  #hook(): void {
    const folder = `${dirname(this.#path)}${sep}`;
    registerHooks({
      resolve: (specifier, context, nextResolve) => {
        const entry = entries[specifier] ?? this.#pinned(specifier, context.parentURL);
        return entry === undefined ? nextResolve(specifier, context) : { url: entry, shortCircuit: true };
      },
      load: (url, context, nextLoad) => {
        if (!url.startsWith("file:")) return nextLoad(url, context);
        const path = fileURLToPath(url);
        if (path.includes(`${sep}node_modules${sep}`)) return nextLoad(url, context);
        const source = this.#sources[path];
        if (source !== undefined) return { format: formatOf(path), source, shortCircuit: true };
        const isProject = path.startsWith(folder);
        if (isProject) this.#files.set(path, stampNow(path));
        return isProject && /\.m?ts$/.test(path)
          ? nextLoad(url, { ...context, format: "module-typescript" })
          : nextLoad(url, context);
      },
    });
  }
}

function formatOf(path: string): string {
  if (path.endsWith(".json")) return "json";
  return path.endsWith("ts") ? "module-typescript" : "module";
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Whatever is exported, in lists and objects as well: `export const handlers = { charge, refund }`. */
function flat(values: readonly unknown[]): readonly unknown[] {
  return values.flatMap((value) => {
    if (Array.isArray(value)) return value as readonly unknown[];
    return typeof value === "object" && value !== null ? [value, ...Object.values(value)] : [value];
  });
}

function handlersIn(exported: readonly unknown[]): readonly HandlerDefinition[] {
  return [...new Set(flat(exported).map(handlerDefinition))].filter((one) => one !== undefined);
}

function programsIn(exported: readonly unknown[]): readonly CodeWorkflowDefinition[] {
  return [...new Set(flat(exported).map(codeDefinition))].filter((one) => one !== undefined);
}

/** The newest of the name, or the one of the version: `charge`, `charge@2`. */
export function handlerNamed(
  handlers: readonly HandlerDefinition[],
  nameAndVersion: string,
): HandlerDefinition | undefined {
  const [name, version] = nameAndVersion.split("@");
  const named = handlers.filter((one) => one.name === name);
  if (version !== undefined) return named.find((one) => one.version === version);
  return named.toSorted((one, other) => compareVersions(other.version, one.version))[0];
}
