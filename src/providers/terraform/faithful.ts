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
  if (isMembers(planned) && isMembers(came))
    return firstUnfaithful(Object.entries(planned), (name) => came[name] ?? null, type, path);
  return isList(planned) && isList(came)
    ? unfaithfulList(planned, came, type, path)
    : sameValue(planned, came, type)
      ? undefined
      : path;
}

/** Elements of a set have no place by which one could be told from another. */
function unfaithfulList(
  planned: readonly Value[],
  came: readonly Value[],
  type: Type,
  path: Path,
): Path | undefined {
  if (type[0] === "set") return planned.length >= came.length ? undefined : path;
  if (planned.length !== came.length) return path;
  return firstUnfaithful([...planned.entries()], (index) => came[index] ?? null, type, path);
}

function firstUnfaithful<K extends string | number>(
  planned: readonly (readonly [K, Value])[],
  came: (step: K) => Value,
  type: Type,
  path: Path,
): Path | undefined {
  for (const [step, value] of planned) {
    const found = unfaithful(value, came(step), elementType(type, step), [...path, step]);
    if (found !== undefined) return found;
  }
  return undefined;
}
