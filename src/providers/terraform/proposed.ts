/**
 * What is proposed to a provider: the configuration, and where it says nothing about what the provider computes, what was there
 * before. Terraform's rules: elements of lists belong together by their place, of maps by their key, of sets by what is
 * configured in them.
 */
import type { Attribute, Block, Nesting } from "../../terraform/schema.ts";
import { objectOf } from "../../terraform/types.ts";
import {
  type Members,
  Typed,
  type Value,
  isList,
  isMembers,
  isUnknown,
  sameValue,
} from "../../terraform/value.ts";

interface Shape {
  readonly attributes: readonly Attribute[];
  readonly blocks?: Block["blocks"];
}

export function proposedNew(block: Block, prior: Value, config: Members): Members {
  return merged(block, isMembers(prior) ? prior : {}, config);
}

function merged({ attributes, blocks = [] }: Shape, prior: Members, config: Members): Members {
  return objectOf([
    ...attributes.map(
      (one) => [one.name, attributeFrom(one, prior[one.name] ?? null, config[one.name] ?? null)] as const,
    ),
    ...blocks.map(
      ({ name, nesting, block }) =>
        [name, nestedFrom(block, nesting, prior[name] ?? null, config[name] ?? null)] as const,
    ),
  ]);
}

function attributeFrom({ computed, nested }: Attribute, prior: Value, config: Value): Value {
  if (config === null) return computed ? prior : null;
  return nested === undefined ? config : nestedFrom(nested, nested.nesting, prior, config);
}

function nestedFrom(shape: Shape, nesting: Nesting, prior: Value, config: Value): Value {
  if (config === null || isUnknown(config)) return config;
  if (config instanceof Typed)
    return new Typed(config.type, nestedFrom(shape, nesting, untyped(prior), config.value));
  if (nesting === "single" || nesting === "group")
    return isMembers(config) ? one(shape, prior, config) : config;
  if (isMembers(config))
    return objectOf(
      Object.entries(config).map(([key, item]) => [
        key,
        one(shape, isMembers(prior) ? (prior[key] ?? null) : null, item),
      ]),
    );
  if (!isList(config)) return config;
  const before = isList(prior) ? prior : [];
  if (nesting === "list") return config.map((item, index) => one(shape, before[index] ?? null, item));
  const left = [...before];
  return config.map((item) => {
    const index = left.findIndex((candidate) => isLike(shape, candidate, item));
    const [match = null] = index < 0 ? [] : left.splice(index, 1);
    return one(shape, match, item);
  });
}

function one(shape: Shape, prior: Value, config: Value): Value {
  return isMembers(config) ? merged(shape, isMembers(prior) ? prior : {}, config) : config;
}

/** Whether what is configured in the one is so in the other: what the provider computes is any. */
function isLike(shape: Shape, prior: Value, config: Value): boolean {
  if (!isMembers(prior) || !isMembers(config)) return false;
  return (
    shape.attributes.every((attribute) => {
      const [before = null, wanted = null] = [prior[attribute.name], config[attribute.name]];
      if (wanted === null) return attribute.computed || before === null;
      if (isUnknown(wanted)) return false;
      return attribute.nested === undefined
        ? sameValue(before, wanted, attribute.type)
        : areLike(attribute.nested, attribute.nested.nesting, before, wanted);
    }) &&
    (shape.blocks ?? []).every(({ name, block, nesting }) =>
      areLike(block, nesting, prior[name] ?? null, config[name] ?? null),
    )
  );
}

function areLike(shape: Shape, nesting: Nesting, prior: Value, config: Value): boolean {
  if (prior === null || config === null) return prior === config;
  if (nesting === "single" || nesting === "group") return isLike(shape, prior, config);
  if (isList(prior) && isList(config)) {
    if (prior.length !== config.length) return false;
    return nesting === "list"
      ? config.every((item, index) => isLike(shape, prior[index] ?? null, item))
      : config.every((item) => prior.some((candidate) => isLike(shape, candidate, item)));
  }
  if (!isMembers(prior) || !isMembers(config)) return false;
  const keys = Object.keys(config);
  return (
    keys.length === Object.keys(prior).length &&
    keys.every((key) => isLike(shape, prior[key] ?? null, config[key] ?? null))
  );
}

function untyped(value: Value): Value {
  return value instanceof Typed ? value.value : value;
}
