import type { ArgoDefinition } from "../manifest.ts";
export interface Problem {
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly code: string;
  readonly message: string;
}
export function problemsOf(_d: ArgoDefinition): readonly Problem[] {
  return [];
}
