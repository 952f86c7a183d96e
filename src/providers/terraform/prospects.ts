/** What is declared with its expressions as what is not known yet. */
import { hasExpression } from "../../model/expression.ts";
import { UNKNOWN } from "../../provider/provider.ts";

export function withoutExpressions(declared: unknown): unknown {
  if (typeof declared === "string") return hasExpression(declared) ? UNKNOWN : declared;
  if (typeof declared !== "object" || declared === null) return declared;
  if (Array.isArray(declared)) return declared.map(withoutExpressions);
  return Object.fromEntries(
    Object.entries(declared).map(([name, member]) => [name, withoutExpressions(member)]),
  );
}
