/** `${secret.NAME.KEY}` in a field of a step. */
import type { Expression } from "../../model/expression.ts";

/** The expression is nothing but the name of a secret and its key. */
export function isSecretReference({ source, references }: Expression): boolean {
  const [reference, ...more] = references;
  if (reference?.root !== "secret" || more.length > 0) return false;
  return (
    reference.path.length === 1 && /^\s*secret[.[][\w.\-[\]"']+\s*$/.test(source) && !source.includes("?")
  );
}
