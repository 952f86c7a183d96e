/** Argo's manifests among the files of a declaration. What translates them is loaded with the first. */
import type { FileDialect } from "../../sdk/load/dialect.ts";
import type { Manifested } from "../../sdk/load/yaml.ts";
import type { ManifestKind } from "./manifest.ts";

const KINDS: ReadonlySet<string> = new Set<ManifestKind>([
  "Workflow",
  "CronWorkflow",
  "WorkflowTemplate",
  "ClusterWorkflowTemplate",
]);

export function isArgo({ value }: Pick<Manifested, "value">): boolean {
  const { apiVersion, kind } = (value ?? {}) as { readonly apiVersion?: unknown; readonly kind?: unknown };
  return typeof apiVersion === "string" && apiVersion.startsWith("argoproj.io/") && KINDS.has(String(kind));
}

export const argoFiles: FileDialect = {
  name: "argo",
  recognise: isArgo,
  translate: async (document, all) => (await import("./translate.ts")).translate(document, all),
  definition: async (documents, file) => (await import("./translate.ts")).definition(documents, file),
};
