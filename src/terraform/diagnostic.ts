/** What a provider complains about, with the place in the configuration. */
import type { WireDiagnostic, WirePath } from "./messages.ts";

export type AttributePath = readonly (string | number)[];

export interface PluginDiagnostic {
  readonly severity: "error" | "warning";
  readonly summary: string;
  readonly detail: string;
  readonly path: AttributePath;
}

export function diagnosticsOf(wire: readonly WireDiagnostic[] | undefined): readonly PluginDiagnostic[] {
  return (wire ?? []).map(({ severity, summary, detail = "", attribute }) => ({
    severity: severity === 2 ? "warning" : "error",
    summary,
    detail,
    path: attribute === null || attribute === undefined ? [] : pathIn(attribute),
  }));
}

export function pathIn({ steps }: WirePath): AttributePath {
  return steps.map((step) =>
    step.selector === "element_key_int"
      ? (step.element_key_int ?? 0)
      : ((step.selector === "attribute_name" ? step.attribute_name : step.element_key_string) ?? ""),
  );
}

export function wireDiagnostic({ severity, summary, detail, path }: PluginDiagnostic): WireDiagnostic {
  return {
    severity: severity === "warning" ? 2 : 1,
    summary,
    detail,
    ...(path.length === 0 ? {} : { attribute: wirePath(path) }),
  };
}

/** Names are attributes': a map's key that is sent so is understood by Terraform as well. */
export function wirePath(path: AttributePath): WirePath {
  return {
    steps: path.map((step) =>
      typeof step === "number" ? { element_key_int: step } : { attribute_name: step },
    ),
  };
}
