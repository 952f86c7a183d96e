/** Argo Workflows: manifests as programs of the engine, and the step type that does their work. */
import type { Dialect } from "../../workflow/engine/program.ts";
import { problemsOf } from "./check/check.ts";
import type { ArgoDefinition } from "./manifest.ts";
import { argoProgram } from "./run/program.ts";

export const argo: Dialect = {
  name: "argo",
  check: (definition) =>
    problemsOf(definition as ArgoDefinition)
      .filter(({ severity }) => severity === "error")
      .map((problem) => ({ ...problem, path: `manifest.${problem.path}` })),
  program: (definition) => argoProgram(definition as ArgoDefinition),
};

export { argoSteps, type PodOptions, type StandIn } from "./pods/executor.ts";
