/** `${secret.NAME.KEY}`, or a secret output of a resource (`${database.NAME.status.url}`), in a field of a step. */
import { isSecretReference as givesSecret } from "../../kinds/edges.ts";
import type { Expression } from "../../model/expression.ts";

/** The expression is nothing but the name of one secret value. */
export function isSecretReference({ source, references }: Expression): boolean {
  const [reference, ...more] = references;
  if (reference === undefined || more.length > 0 || !givesSecret(reference)) return false;
  const { root, path } = reference;
  if (root === "secret" ? path.length !== 1 : path.length < 2) return false;
  return /^\s*\w+[.[][\w.\-[\]"']+\s*$/.test(source);
}
