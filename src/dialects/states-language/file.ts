/** State machines among the files of a declaration: `refund.asl.json` is the Workflow `refund`. */
import { basename } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Json } from "../../model/resource.ts";
import { type FileDialect, sourceBelow } from "../../sdk/load/dialect.ts";
import type { Manifested } from "../../sdk/load/yaml.ts";

const NAME = "states-language";

export const statesLanguageFiles: FileDialect = {
  name: NAME,
  recognise: isMachine,
  translate: async (document) => {
    const name = nameOf(document.source.file);
    const machine = {
      apiVersion: "tutti.dev/v1",
      kind: "Workflow",
      metadata: { name },
      spec: { program: { dialect: NAME, definition: document.value } },
    };
    return {
      resources: [{ value: machine, source: sourceBelow(document, "spec.program.definition") }],
      runs: [],
      diagnostics: await problemsOf(document, `workflow/${name}`),
    };
  },
  definition: async ([document], file) =>
    document === undefined
      ? { diagnostics: [{ ...empty, source: { file } }] }
      : { definition: document.value, diagnostics: await problemsOf(document) },
};

const empty: Diagnostic = {
  severity: "error",
  code: "NoDefinition",
  message: "The file holds no state machine.",
  hint: "Give it StartAt and States.",
};

function isMachine({ value }: Manifested): boolean {
  if (typeof value !== "object" || value === null || "kind" in value) return false;
  return "StartAt" in value && "States" in value;
}

/** `Refund_V2.asl.json` is `refund-v2`. */
function nameOf(file: string): string {
  return basename(file)
    .replace(/(\.(asl|states))?\.(json|ya?ml)$/i, "")
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
}

async function problemsOf({ value, source }: Manifested, address?: string): Promise<readonly Diagnostic[]> {
  const { validateDefinition } = await import("./validation/validate.ts");
  const { pathOf } = await import("./validation/problems.ts");
  return validateDefinition(value as Json).map((problem) => {
    const path = pathOf(problem.path ?? "");
    return {
      ...problem,
      path,
      ...(address === undefined ? {} : { address }),
      source: source.position(path),
    };
  });
}
