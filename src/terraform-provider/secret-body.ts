/**
 * What a resource holds, in the words in which it was declared. A Secret's texts (`stringData`) are kept among its bytes (`data`),
 * with those that were made up for it (`generate`): here each is where it was declared, and what was made up is nobody's.
 */
import type { AnyKind } from "../kinds/kind.ts";
import type { Resource } from "../model/resource.ts";
import type { Members } from "../terraform/value.ts";
import { membersIn } from "./common.ts";

export function bodyOf(
  kind: AnyKind,
  resource: Resource,
  declared: Members,
): Readonly<Record<string, unknown>> {
  const body = resource as unknown as Readonly<Record<string, unknown>>;
  if (kind.kind !== "Secret") return body;
  const there = (body["data"] ?? {}) as Readonly<Record<string, string>>;
  const texts = membersIn(declared["string_data"]);
  const made = membersIn(declared["generate"]);
  const entries = Object.entries(there);
  const stringData = entries.flatMap(([name, bytes]) =>
    Object.hasOwn(texts, name) ? [[name, Buffer.from(bytes, "base64").toString()] as const] : [],
  );
  const data = entries.filter(([name]) => !Object.hasOwn(texts, name) && !Object.hasOwn(made, name));
  return { ...body, stringData: some(stringData), data: some(data) };
}

/** What is empty is left out: there is no other sign of it. */
function some(entries: readonly (readonly [string, string])[]): object | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
