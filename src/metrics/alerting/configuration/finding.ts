import type { Diagnostic } from "../../../diagnostics/diagnostic.ts";

/** A diagnostic before it is known where in the file its path stands. */
export interface Finding extends Omit<Diagnostic, "path" | "source" | "severity"> {
  readonly severity?: "warning";
  readonly path: readonly PropertyKey[];
}

export function isNonEmpty(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** A value and the file it is read from cannot both be given. */
export function exclusiveFiles(fields: object, path: readonly PropertyKey[]): readonly Finding[] {
  const members = new Map(Object.entries(fields));
  return [...members.keys()]
    .filter((name) => name.endsWith("_file"))
    .filter((name) => isNonEmpty(members.get(name)) && isNonEmpty(members.get(name.replace(/_file$/, ""))))
    .map((name) => exclusive(path, name.replace(/_file$/, ""), name));
}

export function exclusive(path: readonly PropertyKey[], one: string, other: string): Finding {
  return {
    code: "Conflict",
    path: [...path, other],
    message: `Only one of ${one} and ${other} can be given.`,
    hint: "Keep one of them.",
  };
}
