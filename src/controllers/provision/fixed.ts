/**
 * What cannot be changed in place, and is declared by an expression that stands for another value by now. Nobody has asked for
 * the thing to be made anew for that, so it stays as it is until a plan does.
 */
import { kindNamed } from "../../kinds/registry.ts";
import { bodySchema, schemaAt } from "../../kinds/schema.ts";
import { equal } from "../../model/equality.ts";
import { hasExpression } from "../../model/expression.ts";
import { type Resource } from "../../model/resource.ts";
import { containsSealed } from "../../model/sealed.ts";
import { type Path, forEachString, pathText, valueAt } from "../../model/walk.ts";

/** Paths of the resource, for people. `resolved`: its spec as it would be made now. */
export function changedFixed(
  { kind: kindName, spec, status }: Resource,
  resolved: unknown,
): readonly string[] {
  const { made } = (status ?? {}) as { readonly made?: unknown };
  const kind = kindNamed(kindName);
  if (made === undefined || kind === undefined) return [];
  const schema = bodySchema(kind);
  const found: string[] = [];
  forEachString(spec, (text, path) => {
    if (!hasExpression(text) || !isFixed(["spec", ...path])) return;
    const [before, after] = [valueAt(made, path), valueAt(resolved, path)];
    if (!containsSealed(before) && !containsSealed(after) && !equal(before, after))
      found.push(pathText(["spec", ...path]));
  });
  return found;

  function isFixed(path: Path): boolean {
    return path.some((_, index) => schemaAt(schema, path.slice(0, index + 1))?.immutable === true);
  }
}
