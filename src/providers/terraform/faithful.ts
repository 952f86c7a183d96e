/** Whether a provider did what it had planned. Older ones (`legacy_type_system`) are not asked. */
import type { Type } from "../../terraform/types.ts";
import {
  Typed,
  type Value,
  elementType,
  isList,
  isMembers,
  isUnknown,
  sameValue,
} from "../../terraform/value.ts";

type Path = readonly (string | number)[];

/** The first place where what was known in the plan has come out otherwise; undefined when all is well. */
export function unfaithful(planned: Value, came: Value, type: Type, path: Path = []): Path | undefined {
  if (isUnknown(planned)) return isUnknown(came) ? path : undefined;
  if (planned instanceof Typed && came instanceof Typed)
    return unfaithful(planned.value, came.value, planned.type, path);
  if (isMembers(planned) && isMembers(came)) {
    for (const [name, value] of Object.entries(planned)) {
      const found = unfaithful(value, came[name] ?? null, elementType(type, name), [...path, name]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  // Elements of a set have no place by which one could be told from another.
  if (isList(planned) && isList(came) && type[0] === "set")
    return planned.length >= came.length ? undefined : path;
  if (isList(planned) && isList(came) && planned.length === came.length) {
    for (const [index, value] of planned.entries()) {
      const found = unfaithful(value, came[index] ?? null, elementType(type, index), [...path, index]);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return sameValue(planned, came, type) ? undefined : path;
}
