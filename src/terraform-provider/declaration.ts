/** The declaration of a `tutti_system`, loaded as `tutti up` loads it: a folder, a file, or its text. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Diagnostic, DiagnosticError, hasErrors } from "../diagnostics/diagnostic.ts";
import { learn } from "../kinds/registry.ts";
import { type Loaded, type LoadOptions, load } from "../sdk/load.ts";
import type { Source } from "../sdk/load/sources.ts";
import type { Members } from "../terraform/value.ts";
import { textOf } from "./common.ts";
import { Refused, complaint } from "./complaints.ts";
import { jsonOf } from "./content.ts";

export type Loading = Pick<LoadOptions, "env" | "dialects">;

/** Rejects with DiagnosticError when something is wrong with it, and with Refused when it is not said which. */
export async function loaded(config: Members, loading: Loading): Promise<Loaded> {
  const { path, folder, done } = placed(config);
  try {
    const found = await load(path, {
      ...loading,
      values: jsonOf(config["values"] ?? null, { form: "any" }, undefined) as Readonly<
        Record<string, unknown>
      >,
    });
    const diagnostics = folder === undefined ? found.diagnostics : found.diagnostics.map(inText);
    if (hasErrors(diagnostics)) throw new DiagnosticError(diagnostics);
    for (const kind of found.kinds) learn(kind);
    const [wanted, name] = [textOf(config["name"]), found.system.metadata.name];
    if (wanted !== undefined && wanted !== name)
      throw new Refused([
        complaint(
          `The declaration is of the System '${name}', not of '${wanted}'.`,
          "Leave the name out, or let it be that of the declaration.",
          ["name"],
        ),
      ]);
    return folder === undefined ? found : at(found, folder);
  } finally {
    done();
  }
}

function at(found: Loaded, folder: string): Loaded {
  const spec = { ...(found.system.spec as object | undefined), folder };
  const sources = new Map([...found.sources].map(([address, source]) => [address, textSource(source)]));
  return { ...found, folder, sources, system: { ...found.system, spec } };
}

/** What the text is called where something in it is wrong. */
const TEXT = "declaration";

function textSource(source: Source): Source {
  return { file: TEXT, position: (path) => ({ ...source.position(path), file: TEXT }) };
}

function inText({ source, ...diagnostic }: Diagnostic): Diagnostic {
  return source === undefined ? diagnostic : { ...diagnostic, source: { ...source, file: TEXT } };
}

/** Text becomes a file: what is loaded has a folder, whose name is that of the System if it does not say one. */
function placed(config: Members): Placed {
  const [folder, text] = [textOf(config["folder"]), textOf(config["declaration"])];
  if ((folder === undefined) === (text === undefined))
    throw new Refused([
      complaint(
        "A System is declared either in a folder or by a text.",
        'Write folder = "${path.module}/shop", or declaration = file("shop.yaml").',
        [folder === undefined ? "folder" : "declaration"],
      ),
    ]);
  if (text === undefined) return { path: resolve(folder ?? "."), done: () => undefined };
  const scratch = mkdtempSync(join(tmpdir(), "tutti-declared-"));
  const home = join(scratch, textOf(config["name"]) ?? "system");
  mkdirSync(home);
  writeFileSync(join(home, "tutti.yaml"), text, { mode: 0o600 });
  return { path: home, folder: resolve("."), done: () => rmSync(scratch, { recursive: true, force: true }) };
}

interface Placed {
  readonly path: string;
  /** Of a text: what paths in it are relative to, which is where Terraform runs. */
  readonly folder?: string;
  readonly done: () => void;
}
