/** What several objects that may stand in one place have in common. */
import type { JsonSchema } from "../../src/kinds/schema.ts";

/** Fields that are the same in most of them. */
export function sharedBy(alternatives: readonly JsonSchema[]): Readonly<Record<string, JsonSchema>> {
  const all = alternatives.flatMap(({ properties = {} }) => Object.entries(properties));
  const isShared = ([name, schema]: readonly [string, JsonSchema]): boolean =>
    all.filter(([other, its]) => other === name && JSON.stringify(its) === JSON.stringify(schema)).length >
    alternatives.length / 2;
  return Object.fromEntries(all.filter(isShared));
}

export function objectsIn({ anyOf = [] }: JsonSchema): readonly JsonSchema[] {
  return anyOf.filter(({ properties }) => properties !== undefined);
}
