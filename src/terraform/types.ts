/**
 * Types as Terraform's providers write them: the type JSON itself, checked once when it is read. What a value of a type is in
 * this program stands in value.ts.
 */
export type Type =
  | "string"
  | "number"
  | "bool"
  | "dynamic"
  | readonly ["list" | "set" | "map", Type]
  | readonly ["tuple", readonly Type[]]
  | readonly ["object", Attributes]
  | readonly ["object", Attributes, readonly string[]];

export type Attributes = Readonly<Record<string, Type>>;

const PRIMITIVE: ReadonlySet<unknown> = new Set(["string", "number", "bool", "dynamic"]);
const COLLECTION: ReadonlySet<unknown> = new Set(["list", "set", "map"]);

/** Refuses with TypeError what is no type. */
export function parseType(json: Uint8Array | string): Type {
  const text = typeof json === "string" ? json : new TextDecoder().decode(json);
  return checked(JSON.parse(text));
}

function checked(value: unknown): Type {
  if (PRIMITIVE.has(value)) return value as Type;
  const [kind, inner, optional] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (COLLECTION.has(kind)) return [kind as "list", checked(inner)];
  if (kind === "tuple" && Array.isArray(inner)) return ["tuple", inner.map(checked)];
  if (kind === "object" && typeof inner === "object" && inner !== null) {
    const attributes = objectOf(Object.entries(inner).map(([name, one]) => [name, checked(one)]));
    return Array.isArray(optional)
      ? ["object", attributes, optional as readonly string[]]
      : ["object", attributes];
  }
  throw new TypeError("A type of the provider's schema is none that is known.");
}

/** Whatever a member is called: `__proto__` as well. */
export function objectOf<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}

export function hasDynamic(type: Type): boolean {
  if (typeof type === "string") return type === "dynamic";
  if (type[0] === "tuple") return type[1].some(hasDynamic);
  return type[0] === "object" ? Object.values(type[1]).some(hasDynamic) : hasDynamic(type[1]);
}

/** For people: `list of string`. */
export function typeText(type: Type): string {
  if (typeof type === "string") return type === "dynamic" ? "any value" : type;
  if (type[0] === "tuple") return `tuple of ${type[1].length}`;
  return type[0] === "object" ? "object" : `${type[0]} of ${typeText(type[1])}`;
}
