/**
 * What may be declared, as Terraform sees it: a kind's JSON Schema read once into places, each with its Terraform type.
 *
 *   value   text, number, truth                      list, set, map   of places that are of one type
 *   members an object's fields, as attributes        any              what has no one type: checked by its JSON Schema alone
 *
 *  - Attributes are written as Terraform's are: `dependsOn` is `depends_on`.
 *  - A list or map whose elements hold a place of any type is of any type itself: Terraform's elements have one type.
 */
import type { JsonSchema } from "../kinds/schema.ts";
import type { WireAttribute } from "../terraform/messages.ts";
import { type Type, objectOf } from "../terraform/types.ts";

export type Place =
  | { readonly form: "any" }
  | { readonly form: "value"; readonly type: "string" | "number" | "bool" }
  | { readonly form: "list" | "set" | "map"; readonly element: Place; readonly schema: JsonSchema }
  | { readonly form: "members"; readonly members: readonly Member[] };

export interface Member {
  /** As Tutti calls it. */
  readonly name: string;
  /** As Terraform calls it. */
  readonly attribute: string;
  readonly place: Place;
  readonly schema: JsonSchema;
  readonly required: boolean;
  readonly sensitive: boolean;
}

/** `LoadBalancer` is `load_balancer`, `DNSRecord` is `dns_record`. */
export function snake(name: string): string {
  return name
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

const ANY: Place = { form: "any" };

const VALUES: Readonly<Record<string, "string" | "number" | "bool">> = {
  string: "string",
  number: "number",
  integer: "number",
  boolean: "bool",
};

export function placeOf(schema: JsonSchema): Place {
  const { type, properties, additionalProperties, items } = schema;
  if (typeof type !== "string") return nullable(schema) ?? ANY;
  const value = VALUES[type];
  if (value !== undefined) return { form: "value", type: value };
  if (type === "array" && items !== undefined)
    return collection(schema.unordered === true ? "set" : "list", items);
  if (properties !== undefined) return membersOf(schema);
  if (type === "object" && typeof additionalProperties === "object")
    return collection("map", additionalProperties);
  return ANY;
}

/** An alternative to nothing is the one thing it may be. */
function nullable({ anyOf = [] }: JsonSchema): Place | undefined {
  const [only, ...more] = anyOf.filter(({ type }) => type !== "null");
  return anyOf.length > 1 && only !== undefined && more.length === 0 ? placeOf(only) : undefined;
}

function collection(form: "list" | "set" | "map", schema: JsonSchema): Place {
  const element = placeOf(schema);
  const isPlain = element.form === "value" || (element.form === "members" && !holdsAny(element));
  if (!isPlain) return ANY;
  return { form: form === "set" && element.form !== "value" ? "list" : form, element, schema };
}

function holdsAny(place: Place): boolean {
  if (place.form === "members") return place.members.some((member) => holdsAny(member.place));
  return place.form === "any" || (place.form !== "value" && holdsAny(place.element));
}

function membersOf({ properties = {}, required = [] }: JsonSchema): Extract<Place, { form: "members" }> {
  const members = Object.entries(properties).map(([name, schema]): Member => {
    const place = placeOf(schema);
    return {
      name,
      attribute: snake(name),
      place,
      schema,
      required: required.includes(name),
      sensitive: isSensitive(place, schema),
    };
  });
  return { form: "members", members };
}

/** Where secrets are kept by themselves they are marked one by one; else all of it is. */
function isSensitive(place: Place, schema: JsonSchema): boolean {
  if (schema.secret === true) return true;
  if (place.form === "members" || (isCollection(place) && place.element.form === "members")) return false;
  return holdsSecret(schema);
}

function holdsSecret({
  secret,
  properties = {},
  items,
  additionalProperties,
  anyOf = [],
}: JsonSchema): boolean {
  if (secret === true) return true;
  const below = [...Object.values(properties), ...anyOf, ...(items === undefined ? [] : [items])];
  if (typeof additionalProperties === "object") below.push(additionalProperties);
  return below.some(holdsSecret);
}

export function isCollection(place: Place): place is Extract<Place, { readonly element: Place }> {
  return "element" in place;
}

export function typeOf(place: Place): Type {
  if (place.form === "any") return "dynamic";
  if (place.form === "value") return place.type;
  if (place.form === "members")
    return ["object", objectOf(place.members.map((member) => [member.attribute, typeOf(member.place)]))];
  return [place.form, typeOf(place.element)];
}

const NESTING = { members: 1, list: 2, set: 3, map: 4 } as const;

/** `computed`: nothing of it is declared, all of it is read. */
export function attributeOf(member: Member, computed: boolean): WireAttribute {
  const { attribute: name, place, schema, required, sensitive } = member;
  const nested = nestedIn(place);
  return {
    name,
    ...(nested === undefined || place.form === "any" || place.form === "value"
      ? { type: wireType(typeOf(place)) }
      : {
          nested_type: {
            attributes: nested.map((one) => attributeOf(one, computed)),
            nesting: NESTING[place.form],
          },
        }),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(computed ? { computed } : required ? { required } : { optional: true }),
    sensitive,
  };
}

export function wireType(type: Type): Uint8Array {
  return Buffer.from(JSON.stringify(type));
}

function nestedIn(place: Place): readonly Member[] | undefined {
  if (place.form === "members") return place.members;
  return isCollection(place) && place.element.form === "members" ? place.element.members : undefined;
}
