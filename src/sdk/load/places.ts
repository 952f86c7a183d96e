/** What is not evaluated where a declaration is loaded: what differs from Location to Location, and what is told by another kind. */
import { isOwnExpression } from "../../kinds/edges.ts";
import type { Path } from "../../model/walk.ts";

export interface Open {
  /** Parameters that some Location gives a value of its own. */
  readonly open: ReadonlySet<string>;
  /** Those that need no value beside. */
  readonly valued: ReadonlySet<string>;
}

/** `spec`: of the System, as written. One that is called `location` is the Location's name. */
export function openIn(spec: Readonly<Record<string, unknown>>): Open {
  const { locations } = spec as { readonly locations?: unknown };
  if (!Array.isArray(locations) || locations.length === 0) return { open: new Set(), valued: new Set() };
  const names = locations.map((location: unknown) => {
    const { values } = (location ?? {}) as { readonly values?: object | null };
    return new Set(Object.keys(values ?? {}));
  });
  const all = new Set(names.flatMap((given) => [...given]));
  const everywhere = [...all].filter((name) => names.every((given) => given.has(name)));
  return { open: all.add("location"), valued: new Set([...everywhere, "location"]) };
}

/** Whether expressions at a place are for somebody else: of a set's template that is its members' kind to say. */
export function isOwnIn(value: unknown): (path: Path) => boolean {
  const { kind, spec } = (value ?? {}) as {
    readonly kind?: unknown;
    readonly spec?: { readonly template?: { readonly kind?: unknown } | null } | null;
  };
  const member = kind === "ResourceSet" ? String(spec?.template?.kind) : undefined;
  return (path) =>
    member !== undefined && path[0] === "spec" && path[1] === "template"
      ? isOwnExpression(member, path.slice(2))
      : isOwnExpression(String(kind), path);
}
