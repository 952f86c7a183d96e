/**
 * Objects that occur more than once in the schemas of kinds: each is written once and named by the field where it is met
 * first. What occurs only within another is not counted again with it.
 */
import type { JsonSchema } from "../../src/kinds/schema.ts";

/** A smaller one is read more easily where it stands. */
const FEWEST_FIELDS = 3;

export class Shapes {
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #taken: Set<string>;
  readonly #declarations: string[] = [];

  /** `taken`: names that mean something else in the module. */
  constructor(schemas: readonly JsonSchema[], taken: Iterable<string>) {
    this.#taken = new Set(taken);
    for (const schema of schemas) this.#count(schema);
  }

  /**
   * The name of an object that occurs more than once, else undefined. `place`: the names of the fields that lead to it, the
   * kind first; `text` writes it.
   */
  nameOf(schema: JsonSchema, place: readonly string[], text: () => string): string | undefined {
    const key = keyOf(schema);
    if ((this.#counts.get(key) ?? 0) < 2 || Object.keys(schema.properties ?? {}).length < FEWEST_FIELDS)
      return undefined;
    return this.#named(key, place, text);
  }

  /** Of what the alternatives at a place share. */
  sharedAt(shared: JsonSchema, place: readonly string[], text: () => string): string {
    return this.#named(keyOf(shared), place, text, "Fields");
  }

  declarations(): readonly string[] {
    return this.#declarations;
  }

  #named(key: string, place: readonly string[], text: () => string, suffix = ""): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = this.#free(place, suffix);
    this.#names.set(key, name);
    this.#taken.add(name);
    this.#declarations.push(`interface ${name} ${text()}\n`);
    return name;
  }

  /** As short as it can be told from the others. */
  #free(place: readonly string[], suffix: string): string {
    for (let length = 1; length <= place.length; length++) {
      const name = `${place.slice(-length).map(word).join("")}${suffix}`;
      if (!this.#taken.has(name)) return name;
    }
    throw new Error(`There is no name left for ${place.join(".")}.`);
  }

  #count(schema: JsonSchema): void {
    if (schema.properties !== undefined) {
      const key = keyOf(schema);
      const count = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, count);
      if (count > 1) return;
    }
    const { properties = {}, anyOf = [], items, additionalProperties } = schema;
    for (const inner of [...Object.values(properties), ...anyOf]) this.#count(inner);
    if (items !== undefined) this.#count(items);
    if (typeof additionalProperties === "object") this.#count(additionalProperties);
  }
}

/** What the field says of it is the field's, not the object's. */
function keyOf({ description: _description, default: _default, ...schema }: JsonSchema): string {
  return JSON.stringify(schema);
}

/** `routes` is a list of `Route`. */
function word(field: string): string {
  const one = field.replace(/(?<=[^aeiou])ies$/, "y").replace(/(?<=[^su])s$/, "");
  return one.charAt(0).toUpperCase() + one.slice(1);
}
