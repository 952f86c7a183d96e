/** What a provider says of its types: attributes and nested blocks, and the type of value that they come to. */
import type { WireAttribute, WireBlock, WireSchema } from "./messages.ts";
import { type Type, hasDynamic, objectOf, parseType } from "./types.ts";

export interface Schema {
  readonly version: number;
  readonly block: Block;
  readonly type: Type;
}

export interface Block {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly NestedBlock[];
  readonly description: string;
  readonly deprecated: boolean;
}

export type Nesting = "single" | "list" | "set" | "map" | "group";

export interface Attribute {
  readonly name: string;
  readonly type: Type;
  /** Of protocol 6: attributes of its own. */
  readonly nested?: { readonly attributes: readonly Attribute[]; readonly nesting: Nesting };
  readonly description: string;
  readonly required: boolean;
  readonly optional: boolean;
  readonly computed: boolean;
  readonly sensitive: boolean;
  readonly writeOnly: boolean;
  readonly deprecated: boolean;
}

export interface NestedBlock {
  readonly name: string;
  readonly block: Block;
  readonly nesting: Nesting;
  readonly least: number;
  /** 0: any number. */
  readonly most: number;
  readonly type: Type;
}

const NESTINGS = [undefined, "single", "list", "set", "map", "group"] as const;

/** Refuses with TypeError what is no schema. */
export function schemaOf({ version = 0, block }: WireSchema): Schema {
  const read = blockOf(block ?? {});
  return { version, block: read, type: blockType(read) };
}

function blockOf({
  attributes = [],
  block_types: blocks = [],
  description = "",
  deprecated,
}: WireBlock): Block {
  return {
    attributes: attributes.map(attributeOf),
    blocks: blocks.map(({ type_name: name, block, nesting, min_items: least = 0, max_items: most = 0 }) => {
      const read = blockOf(block ?? {});
      const mode = nestingOf(nesting);
      return { name, block: read, nesting: mode, least, most, type: nestedType(mode, blockType(read)) };
    }),
    description,
    deprecated: deprecated === true,
  };
}

function attributeOf(wire: WireAttribute): Attribute {
  const { name, description = "", nested_type: nested, type } = wire;
  const flags = {
    name,
    description,
    required: wire.required === true,
    optional: wire.optional === true,
    computed: wire.computed === true,
    sensitive: wire.sensitive === true,
    writeOnly: wire.write_only === true,
    deprecated: wire.deprecated === true,
  };
  if (nested === null || nested === undefined) return { ...flags, type: parseType(type ?? "") };
  const attributes = nested.attributes.map(attributeOf);
  const nesting = nestingOf(nested.nesting);
  const members: Type = ["object", objectOf(attributes.map((one) => [one.name, one.type]))];
  return { ...flags, type: nestedType(nesting, members), nested: { attributes, nesting } };
}

function nestingOf(number: number): Nesting {
  const nesting = NESTINGS[number];
  if (nesting === undefined)
    throw new TypeError("A block of the provider's schema is nested in no way that is known.");
  return nesting;
}

function blockType({ attributes, blocks }: Block): Type {
  return ["object", objectOf([...attributes, ...blocks].map(({ name, type }) => [name, type]))];
}

/** Elements of different types cannot be in a list: where that may be, it is a value of any type. */
function nestedType(nesting: Nesting, members: Type): Type {
  if (nesting === "single" || nesting === "group") return members;
  return hasDynamic(members) ? "dynamic" : [nesting, members];
}
