/**
 * What people declare, decoded by a provider's schema as Terraform decodes a configuration: every attribute is there, null where
 * nothing was said.
 *
 *   attribute          absent: null
 *   block SINGLE       absent: null            GROUP   absent: an object of nulls
 *   block LIST, SET    absent: empty; one object stands for a list of one         MAP   absent: empty
 */
import { didYouMean } from "../../diagnostics/suggestion.ts";
import type { Obstacle } from "../../provider/provider.ts";
import { ValueError } from "../../terraform/msgpack.ts";
import type { Attribute, Block, NestedBlock } from "../../terraform/schema.ts";
import { objectOf } from "../../terraform/types.ts";
import { type Members, Typed, Unknown, type Value, isMembers } from "../../terraform/value.ts";
import { valueOf } from "../../terraform/convert.ts";
import { pathText } from "../../model/walk.ts";
import { type Place, invalidValue } from "./complaints.ts";

type Path = readonly (string | number)[];

export interface Decoded {
  readonly value: Members;
  readonly problems: readonly Obstacle[];
}

/** `declared` may hold `Unknown`; secrets are open in it. */
export function decodeConfig(declared: unknown, block: Block, place: Place): Decoded {
  const problems: Obstacle[] = [];
  const value = new Decoder(place, problems).block(declared ?? {}, block, []);
  return { value: value instanceof Unknown ? {} : value, problems };
}

class Decoder {
  readonly #place: Place;
  readonly #problems: Obstacle[];

  constructor(place: Place, problems: Obstacle[]) {
    this.#place = place;
    this.#problems = problems;
  }

  block(declared: unknown, block: Block, path: Path): Members | Unknown {
    if (declared instanceof Unknown) return declared;
    if (!isMembers(declared)) {
      this.#report("InvalidConfig", path, "It is not an object.");
      return {};
    }
    this.#reportUnknownNames(declared, block, path);
    return objectOf([
      ...block.attributes.map(
        (attribute) =>
          [
            attribute.name,
            this.#attribute(declared[attribute.name], attribute, [...path, attribute.name]),
          ] as const,
      ),
      ...block.blocks.map(
        (nested) =>
          [nested.name, this.#nested(declared[nested.name], nested, [...path, nested.name])] as const,
      ),
    ]);
  }

  #attribute(declared: unknown, attribute: Attribute, path: Path): Value {
    const isAbsent = declared === undefined || declared === null;
    if (isAbsent && attribute.required)
      this.#report("MissingAttribute", path, `The attribute '${attribute.name}' is required.`);
    if (!isAbsent && !attribute.required && !attribute.optional)
      this.#report("ComputedAttribute", path, `The attribute '${attribute.name}' is the provider's to give.`);
    try {
      return valueOf(declared, attribute.type, path);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.#problems.push(invalidValue(error, this.#place));
      return null;
    }
  }

  #nested(declared: unknown, nested: NestedBlock, path: Path): Value {
    if (declared instanceof Unknown) return declared;
    const { nesting, block } = nested;
    const given = declared ?? undefined;
    if (nesting === "group") return this.block(given ?? {}, block, path);
    if (nesting === "map") return this.#map(given ?? {}, nested, path);
    const items = itemsOf(given);
    this.#checkCount(nested, path, items.length);
    if (nesting === "single") return given === undefined ? null : this.block(given, block, path);
    return elements(
      items.map((item, index) => this.block(item, block, [...path, index])),
      nested,
    );
  }

  #map(declared: unknown, { block, type }: NestedBlock, path: Path): Value {
    if (!isMembers(declared)) {
      this.#report("InvalidConfig", path, "It is not an object.");
      return {};
    }
    const members = objectOf(
      Object.entries(declared).map(([name, one]) => [name, this.block(one, block, [...path, name]) as Value]),
    );
    return type === "dynamic" ? valueOf(members, type, path) : members;
  }

  #checkCount({ name, least, most }: NestedBlock, path: Path, count: number): void {
    if (count >= least && (most === 0 || count <= most)) return;
    const wanted = count < least ? `at least ${least}` : `at most ${most}`;
    this.#report("InvalidConfig", path, `There must be ${wanted} of '${name}', and there are ${count}.`);
  }

  #reportUnknownNames(declared: Members, { attributes, blocks }: Block, path: Path): void {
    const names = [...attributes, ...blocks].map(({ name }) => name);
    for (const name of Object.keys(declared))
      if (!names.includes(name))
        this.#report(
          "UnknownAttribute",
          [...path, name],
          `There is no attribute '${name}'.`,
          didYouMean(name, names) ?? `There are ${names.toSorted().join(", ")}.`,
        );
  }

  #report(code: string, path: Path, message: string, hint?: string): void {
    this.#problems.push({
      code,
      path: pathText([...this.#place.root, ...path]),
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** One object stands for a list of one. */
function itemsOf(given: unknown): readonly unknown[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? (given as readonly unknown[]) : [given];
}

/** Elements that may have different types are a tuple, in a place of any type. */
function elements(items: readonly Value[], { type }: NestedBlock): Value {
  if (type !== "dynamic") return items;
  const typed = valueOf(items, "dynamic");
  return typed instanceof Typed ? typed : items;
}
