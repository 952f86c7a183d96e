/** How much a declaration may be: what is beyond is refused before it costs time or memory. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";

/** Bytes of one file. Kubernetes refuses a resource above 1.5 MB; a file may hold a few. */
export const MAX_FILE_BYTES = 4 << 20;
/** Levels of one manifest, as everywhere else. */
export const MAX_DEPTH = 100;
/** Values in one manifest, aliases counted each time they are used. */
export const MAX_VALUES = 500_000;
/** Characters in one manifest, aliases counted each time they are used. */
const MAX_CHARACTERS = 16 << 20;

type Finding = Omit<Diagnostic, "severity">;

/**
 * What of a manifest is beyond the limits, or a number that JSON cannot hold. Iterative, and it stops as soon as it has
 * seen enough, so neither depth nor shared parts (YAML's aliases, or a program's loops) can make it expensive.
 */
export function beyondLimits(value: unknown): Finding | undefined {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 0 }];
  let values = 0;
  let characters = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    values += 1;
    if (typeof next.value === "string") characters += next.value.length;
    if (typeof next.value === "number" && !Number.isFinite(next.value)) {
      return {
        code: "InvalidNumber",
        message: `${String(next.value)} is not a number that can be stored.`,
        hint: "Write a finite number.",
      };
    }
    if (next.depth > MAX_DEPTH)
      return {
        code: "TooDeep",
        message: `It is nested more than ${MAX_DEPTH} levels deep.`,
        hint: "Make it flatter.",
      };
    if (values > MAX_VALUES || characters > MAX_CHARACTERS) return TOO_LARGE;
    if (typeof next.value !== "object" || next.value === null) continue;
    for (const [name, member] of Object.entries(next.value)) {
      characters += name.length;
      open.push({ value: member, depth: next.depth + 1 });
    }
  }
  return undefined;
}

const TOO_LARGE: Finding = {
  code: "TooLarge",
  message: "It is too large to be a declaration.",
  hint: "Split it, or keep what is large in a file that a program reads.",
};
