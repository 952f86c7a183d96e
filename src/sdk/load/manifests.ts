/** A declaration in YAML files: one document a resource or a file of another tool's, among them at most one System. */
import { basename } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Declared } from "../load.ts";
import { type FileDialect, translated } from "./dialect.ts";
import { readText } from "./find.ts";
import { type Manifested, parseYaml } from "./yaml.ts";

export async function declaredInFiles(
  files: readonly string[],
  dialects: readonly FileDialect[],
): Promise<Declared> {
  const manifests: Manifested[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const text = readText(file);
    if (typeof text === "string") {
      const parsed = parseYaml(text, file);
      manifests.push(...parsed.manifests);
      diagnostics.push(...parsed.diagnostics);
    } else diagnostics.push({ severity: "error", ...text });
  }
  if (manifests.length === 0 && diagnostics.length === 0) diagnostics.push(empty(files));
  const isSystem = ({ value }: Manifested): boolean =>
    (value as { readonly kind?: unknown } | null)?.kind === "System";
  const [system, ...others] = manifests.filter(isSystem);
  diagnostics.push(...others.map((other) => second(other, system)));
  const documents = manifests.filter((manifest) => !isSystem(manifest));
  const { resources, runs, diagnostics: found } = await translated(documents, dialects);
  return {
    ...(system === undefined ? {} : { system }),
    resources: () => ({ resources, diagnostics: [] }),
    runs,
    diagnostics: [...diagnostics, ...found],
  };
}

function empty(files: readonly string[]): Diagnostic {
  const [file = ""] = files;
  return {
    severity: "error",
    code: "NoDeclaration",
    message: files.length > 1 ? "The files declare nothing." : "The file declares nothing.",
    hint: "Write a resource: kind, metadata and spec. See 'tutti schema' for the kinds.",
    source: { file },
  };
}

function second(other: Manifested, first: Manifested | undefined): Diagnostic {
  const at = first?.source.position("kind");
  const where =
    at === undefined ? "" : `, at ${basename(at.file)}${at.line === undefined ? "" : `:${at.line}`}`;
  return {
    severity: "error",
    code: "SecondSystem",
    message: `A System is declared already${where}.`,
    hint: "Keep each system in a folder of its own.",
    source: other.source.position("kind"),
  };
}
