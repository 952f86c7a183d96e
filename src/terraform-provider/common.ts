/** The attributes that every type has, and how values of a whole type are put together. */
import type { WireAttribute, WireSchema } from "../terraform/messages.ts";
import { schemaOf } from "../terraform/schema.ts";
import type { Type } from "../terraform/types.ts";
import { type Members, UNKNOWN, Unknown, type Value, isMembers } from "../terraform/value.ts";
import { wireType } from "./place.ts";

export type Flags = Pick<WireAttribute, "required" | "optional" | "computed" | "sensitive">;

export function attribute(name: string, type: Type, flags: Flags, description: string): WireAttribute {
  return { name, type: wireType(type), description, ...flags };
}

export const NAME = attribute("name", "string", { required: true }, "Name of the resource.");
export const ID = attribute(
  "id",
  "string",
  { computed: true },
  "`namespace/name`, as `terraform import` takes it.",
);
export const NAMESPACE = attribute(
  "namespace",
  "string",
  { optional: true, computed: true },
  "Where its name is unique; that of the provider's configuration when absent.",
);

const TIMEOUT = { optional: true } as const;

export const WAITING: readonly WireAttribute[] = [
  attribute("wait", "bool", { optional: true }, "Whether to wait until it is ready; true when absent."),
  {
    name: "timeouts",
    description: "How long to wait, as durations such as 90s or 20m; 10m when absent.",
    optional: true,
    nested_type: {
      nesting: 1,
      attributes: [
        attribute("create", "string", TIMEOUT, "Until it is ready for the first time."),
        attribute("update", "string", TIMEOUT, "Until it is ready after a change."),
        attribute("delete", "string", TIMEOUT, "Until it is gone."),
      ],
    },
  },
];

export function described(
  description: string,
  attributes: readonly WireAttribute[],
): { readonly schema: WireSchema; readonly type: Type } {
  const schema: WireSchema = { version: 0, block: { attributes, description } };
  return { schema, type: schemaOf(schema).type };
}

/** Undefined for what is not known yet, or left out. */
export function textOf(value: Value | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** What is declared, or `usual`; unknown as long as what is declared is unknown. */
export function declaredOr(value: Value | undefined, usual: string): Value {
  return value === null || value === undefined ? usual : value;
}

export function idOf(namespace: Value | undefined, name: Value | undefined): Value {
  if (namespace instanceof Unknown || name instanceof Unknown) return UNKNOWN;
  return namespace === null || namespace === undefined
    ? (name ?? null)
    : `${String(namespace)}/${String(name)}`;
}

export function membersIn(value: Value | undefined): Members {
  return isMembers(value) ? value : {};
}

/** Those of texts that are known. */
export function textsIn(value: Value | undefined): Readonly<Record<string, string>> | undefined {
  if (!isMembers(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter((one): one is [string, string] => typeof one[1] === "string"),
  );
}
