/**
 * What is declared in Terraform as Tutti's JSON, and what Tutti holds as Terraform's values.
 *
 *  - What is left out in Terraform stays left out in its state, whatever default the control plane has put there: only what
 *    differs from that default is a difference. So a plan is what comes of it, and there is no change that never ends.
 */
import { childSchema, type JsonSchema, withDefaults } from "../kinds/schema.ts";
import { equal } from "../model/equality.ts";
import { valueOf } from "../terraform/convert.ts";
import { objectOf } from "../terraform/types.ts";
import { Exact, Typed, Unknown, type Value, isList, isMembers } from "../terraform/value.ts";
import { type Member, type Place, isCollection, snake } from "./place.ts";

/** Stands for what is not known yet: an expression, which may stand for anything. */
export const NOT_KNOWN = "${param.unknown}";

/** Undefined for what is left out. */
export function jsonOf(value: Value, place: Place, schema: JsonSchema | undefined): unknown {
  if (value === null) return undefined;
  if (value instanceof Unknown) return NOT_KNOWN;
  if (value instanceof Typed) return anyJson(value.value, schema);
  if (value instanceof Exact) return Number(value.text);
  if (isCollection(place)) return elementsJson(value, place);
  if (place.form !== "members" || !isMembers(value))
    return place.form === "any" ? anyJson(value, schema) : value;
  return withoutAbsent(
    place.members.map((member) => [
      member.name,
      jsonOf(value[member.attribute] ?? null, member.place, member.schema),
    ]),
  );
}

function elementsJson(
  value: Value,
  { element, schema }: Extract<Place, { readonly element: Place }>,
): unknown {
  if (isList(value)) return value.map((item) => jsonOf(item, element, schema) ?? null);
  if (!isMembers(value)) return value;
  return withoutAbsent(Object.entries(value).map(([name, one]) => [name, jsonOf(one, element, schema)]));
}

/** Of any type: names as Tutti or as Terraform writes them, where they are known; else as they are. */
function anyJson(value: Value, schema: JsonSchema | undefined): unknown {
  if (value === null) return null;
  if (value instanceof Unknown) return NOT_KNOWN;
  if (value instanceof Typed) return anyJson(value.value, schema);
  if (value instanceof Exact) return Number(value.text);
  if (isList(value)) return value.map((item, index) => anyJson(item, childSchema(schema, index)));
  if (!isMembers(value)) return value;
  const entries = Object.entries(value).map(([written, one]): [string, unknown] => {
    const name = knownName(written, schema);
    const below = childSchema(schema, name);
    return [name, one === null && below !== undefined ? undefined : anyJson(one, below)];
  });
  return withoutAbsent(entries);
}

function knownName(written: string, schema: JsonSchema | undefined): string {
  if (schema === undefined) return written;
  const names = [schema, ...(schema.anyOf ?? [])].flatMap(({ properties = {} }) => Object.keys(properties));
  return names.includes(written) ? written : (names.find((name) => snake(name) === written) ?? written);
}

function withoutAbsent(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return objectOf(entries.filter(([, one]) => one !== undefined));
}

/** What is there, in the words of `prior` as far as that says the same. */
export function valueSeen(prior: Value, json: unknown, place: Place, schema: JsonSchema): Value {
  if (saysTheSame(jsonOf(prior, place, schema), json, place, schema)) return prior;
  if (json === undefined || json === null) return null;
  if (place.form === "any") return valueOf(json, "dynamic");
  if (place.form === "value") return valueOf(json, place.type);
  return isCollection(place) ? elementsSeen(prior, json, place) : membersSeen(prior, json, place.members);
}

/** With what stands for what is left out. */
function saysTheSame(one: unknown, other: unknown, place: Place, schema: JsonSchema): boolean {
  const [first, second] = [withDefaults(schema, one), withDefaults(schema, other)];
  if (equal(first, second)) return true;
  if (place.form !== "set" || !Array.isArray(first) || !Array.isArray(second)) return false;
  return equal([...(first as string[])].sort(), [...(second as string[])].sort());
}

function elementsSeen(
  prior: Value,
  json: unknown,
  place: Extract<Place, { readonly element: Place }>,
): Value {
  const { element, schema } = place;
  if (place.form === "map") {
    const before = isMembers(prior) ? prior : {};
    return objectOf(
      Object.entries(json as object).map(([name, one]: [string, unknown]) => [
        name,
        valueSeen(before[name] ?? null, one, element, schema),
      ]),
    );
  }
  const before = isList(prior) ? prior : [];
  return (json as readonly unknown[]).map((one, index) =>
    valueSeen(before[index] ?? null, one, element, schema),
  );
}

function membersSeen(prior: Value, json: unknown, members: readonly Member[]): Value {
  const before = isMembers(prior) ? prior : {};
  const there = json as Readonly<Record<string, unknown>>;
  return objectOf(
    members.map(({ name, attribute, place, schema }) => [
      attribute,
      valueSeen(before[attribute] ?? null, there[name], place, schema),
    ]),
  );
}

/** As it is read, for a place of which nothing is declared. */
export function valueRead(json: unknown, place: Place): Value {
  if (json === undefined || json === null) return null;
  if (place.form === "any") return valueOf(json, "dynamic");
  if (place.form === "value") return valueOf(json, place.type);
  if (place.form === "members")
    return objectOf(
      place.members.map(({ name, attribute, place: below }) => [
        attribute,
        valueRead((json as Readonly<Record<string, unknown>>)[name], below),
      ]),
    );
  const { element } = place;
  if (Array.isArray(json)) return json.map((one) => valueRead(one, element));
  return objectOf(
    Object.entries(json as object).map(([name, one]: [string, unknown]) => [name, valueRead(one, element)]),
  );
}
