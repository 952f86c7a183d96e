/** Services on networks that their instances cannot be put on: what would be ignored is refused. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft, Resource } from "../model/resource.ts";

/** Of machines: what is on the host itself is on none of them. */
const OF_MACHINES: ReadonlySet<string> = new Set(["bridge", "lxd"]);

/** `classOf`: of a Network by its spec; undefined where that cannot be told yet. */
export function networksOfMachines(
  draft: Draft,
  address: string,
  networkNamed: (name: string) => Draft | Resource | undefined,
  classOf: (spec: Readonly<Record<string, unknown>>) => string | undefined,
): readonly Diagnostic[] {
  const { networks } = (draft.spec ?? {}) as { readonly networks?: unknown };
  if (draft.kind !== "Service" || !Array.isArray(networks)) return [];
  return (networks as readonly unknown[]).flatMap((name, index): readonly Diagnostic[] => {
    const found = typeof name === "string" ? networkNamed(name) : undefined;
    const made =
      found?.spec === undefined ? undefined : classOf(found.spec as Readonly<Record<string, unknown>>);
    if (made === undefined || !OF_MACHINES.has(made)) return [];
    return [
      {
        severity: "error",
        address,
        code: "NetworkOfMachines",
        path: `spec.networks[${index}]`,
        message: `The network '${String(name)}' is of class ${made}: machines are put on it, instances of services cannot be.`,
        hint: "Make it a Machine of class lxd, or name a Network of class docker or loopback.",
      },
    ];
  });
}
