/** What a thing's state says, as other resources and people see it: plain JSON, with what is secret sealed. */
import type { Keyring } from "../../model/sealed.ts";
import type { Attribute, Block } from "../../terraform/schema.ts";
import {
  Exact,
  type Members,
  Typed,
  Unknown,
  type Value,
  elementType,
  isList,
  isMembers,
  sameValue,
} from "../../terraform/value.ts";
import type { Schema } from "../../terraform/schema.ts";

export interface Sealing {
  readonly keyring: Keyring;
  readonly secrets: readonly string[];
}

interface Shape {
  readonly attributes: readonly Attribute[];
  readonly blocks?: Block["blocks"];
}

export function outputOf(value: Members, block: Shape, sealing: Sealing): Readonly<Record<string, unknown>> {
  const { attributes, blocks = [] } = block;
  return Object.fromEntries([
    ...attributes.map((attribute) => [
      attribute.name,
      attributeOutput(value[attribute.name] ?? null, attribute, sealing),
    ]),
    ...blocks.map(({ name, block: inner }) => [name, each(value[name] ?? null, inner, sealing)]),
  ]) as Readonly<Record<string, unknown>>;
}

export function attributeOutput(value: Value, { sensitive, nested }: Attribute, sealing: Sealing): unknown {
  if (sensitive) return sealedWhole(value, sealing);
  return nested === undefined ? plain(value, sealing) : each(value, nested, sealing);
}

/** Objects of a shape, however they are nested. */
function each(value: Value, shape: Shape, sealing: Sealing): unknown {
  if (value instanceof Typed) return each(value.value, shape, sealing);
  if (isList(value)) return value.map((item) => each(item, shape, sealing));
  if (!isMembers(value)) return plain(value, sealing);
  const names = [...shape.attributes, ...(shape.blocks ?? [])].map(({ name }) => name);
  const isOne = Object.keys(value).every((name) => names.includes(name));
  if (isOne && Object.keys(value).length === names.length) return outputOf(value, shape, sealing);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, each(item, shape, sealing)]));
}

function sealedWhole(value: Value, sealing: Sealing): unknown {
  if (value === null || value instanceof Unknown) return null;
  return sealing.keyring.seal(
    typeof value === "string" ? value : JSON.stringify(plain(value, { ...sealing, secrets: [] })),
  );
}

function plain(value: Value, sealing: Sealing): unknown {
  if (value instanceof Exact) return value.text;
  if (value instanceof Typed) return plain(value.value, sealing);
  if (value instanceof Unknown) return null;
  if (typeof value === "string")
    return sealing.secrets.some((secret) => value.includes(secret)) ? sealing.keyring.seal(value) : value;
  if (isList(value)) return value.map((item) => plain(item, sealing));
  if (isMembers(value))
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member, sealing)]));
  return value;
}

/**
 * What was declared, as it is found: as it was declared where nothing has changed since it was made, so that a provider that
 * writes `TRUE` for `true` has not drifted.
 */
export function actualOf(
  declared: Readonly<Record<string, unknown>>,
  { made, found }: { readonly made: Members; readonly found: Members },
  schema: Schema,
  sealing: Sealing,
): Readonly<Record<string, unknown>> {
  const now = outputOf(found, schema.block, sealing);
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, value]) => {
      const type = elementType(schema.type, name);
      if (!Object.hasOwn(found, name) || isWriteOnly(schema, name)) return [];
      const isSame = sameValue(made[name] ?? null, found[name] ?? null, type);
      return [[name, isSame ? value : now[name]]];
    }),
  );
}

function isWriteOnly({ block }: Schema, name: string): boolean {
  return block.attributes.some((attribute) => attribute.name === name && attribute.writeOnly);
}
