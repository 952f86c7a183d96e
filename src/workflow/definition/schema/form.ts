/**
 * What of a schema can be told by looking at it: keywords that nobody knows, patterns and formats that cannot be matched,
 * references to elsewhere. The rest is the meta-schema's and the compiler's to say (compile.ts).
 */
import { didYouMean } from "../../../diagnostics/suggestion.ts";
import { type Path, pathText } from "../../../model/walk.ts";
import type { Finding } from "../finding.ts";
import { FORMATS } from "./formats.ts";
import { patternProblem } from "./pattern.ts";

/** A schema that has been looked through. */
export interface SchemaSource {
  /** A copy; what refers to another schema is marked with `VISIT`. */
  readonly schema: object | boolean;
  readonly hasDefaults: boolean;
}

/** A keyword of our own beside each reference: what is followed is counted (compile.ts). */
export const VISIT = "x-tutti-visit";

const DRAFT = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;
const DEEPEST = 200;
const MOST_SCHEMAS = 10_000;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const ONE = new Set(
  words(
    "additionalProperties items contains propertyNames not if then else unevaluatedProperties contentSchema",
  ),
);
const LIST = new Set(words("allOf anyOf oneOf prefixItems"));
const BY_NAME = new Set(words("properties patternProperties $defs definitions dependentSchemas"));
const PLAIN = words(`
  $schema $id $ref $anchor $comment type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum
  maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required
  dependentRequired format title description default deprecated readOnly writeOnly examples contentEncoding contentMediaType
`);
const KEYWORDS = [...ONE, ...LIST, ...BY_NAME, ...PLAIN];
/** Those of the draft that Ajv does not do as the draft says, and what to write instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  $dynamicRef: "Write $ref.",
  $dynamicAnchor: "Write $anchor, and refer to it with $ref.",
  $vocabulary: "Remove it.",
  unevaluatedItems: "Write items: false after prefixItems.",
};
const KNOWN: ReadonlySet<string> = new Set(KEYWORDS);

type Members = Readonly<Record<string, unknown>>;

export function readSchema(schema: unknown): {
  readonly source: SchemaSource;
  readonly diagnostics: readonly Finding[];
} {
  const reader = new Reader();
  const copy = reader.read(schema, []);
  return {
    source: { schema: copy as object | boolean, hasDefaults: reader.hasDefaults },
    diagnostics: reader.findings,
  };
}

class Reader {
  readonly findings: Finding[] = [];
  hasDefaults = false;
  #schemas = 0;

  read(schema: unknown, path: Path): unknown {
    if (typeof schema === "boolean") return schema;
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
      this.#find(
        "InvalidSchema",
        path,
        "A schema is an object, or true or false.",
        "Write for example {type: string}.",
      );
      return {};
    }
    this.#schemas++;
    if (path.length > DEEPEST || this.#schemas > MOST_SCHEMAS) {
      if (this.#schemas <= MOST_SCHEMAS + 1)
        this.#find(
          "SchemaTooLarge",
          path,
          `A schema is at most ${DEEPEST} levels deep and holds at most ${MOST_SCHEMAS} schemas.`,
          "Name what is the same under $defs, and refer to it.",
        );
      return {};
    }
    const copy: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(schema as Members)) {
      const at = [...path, keyword];
      if (!KNOWN.has(keyword)) this.#unknown(keyword, at);
      else copy[keyword] = this.#keyword(keyword, value, at);
    }
    if ("$ref" in copy) copy[VISIT] = true;
    return copy;
  }

  #keyword(keyword: string, value: unknown, path: Path): unknown {
    if (ONE.has(keyword)) return this.read(value, path);
    if (LIST.has(keyword) && Array.isArray(value))
      return value.map((one, index) => this.read(one, [...path, index]));
    if (BY_NAME.has(keyword) && typeof value === "object" && value !== null)
      return this.#named(keyword, value as Members, path);
    if (keyword === "default") this.hasDefaults = true;
    else if (typeof value === "string") this.#text(keyword, value, path);
    return value;
  }

  #named(keyword: string, schemas: Members, path: Path): Members {
    const copy: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(schemas)) {
      const at = [...path, name];
      if (name === "__proto__") {
        this.#find("InvalidSchema", at, "Nothing may be called '__proto__'.", "Choose another name.");
        continue;
      }
      if (keyword === "patternProperties") this.#text("pattern", name, at);
      copy[name] = this.read(schema, at);
    }
    return copy;
  }

  #text(keyword: string, text: string, path: Path): void {
    if (keyword === "pattern") {
      const problem = patternProblem(text);
      if (problem !== undefined)
        this.#find("InvalidPattern", path, problem, "Use regular expressions as RE2 has them.");
    }
    if (keyword === "format" && !FORMATS.has(text))
      this.#find(
        "UnknownFormat",
        path,
        `'${text.slice(0, 80)}' is no format that can be checked.`,
        didYouMean(text, [...FORMATS.keys()]) ?? `Formats are ${[...FORMATS.keys()].join(", ")}.`,
      );
    if (keyword === "$schema" && !DRAFT.test(text))
      this.#find(
        "UnknownDraft",
        path,
        "Schemas here are of the draft 2020-12.",
        "Remove $schema, or write https://json-schema.org/draft/2020-12/schema.",
      );
  }

  /** `x-...` are notes that somebody made for himself. */
  #unknown(keyword: string, path: Path): void {
    if (keyword.startsWith("x-") && keyword !== VISIT) return;
    const instead = Object.hasOwn(UNSUPPORTED, keyword) ? UNSUPPORTED[keyword] : undefined;
    if (instead !== undefined) {
      this.#find("UnsupportedKeyword", path, `The keyword '${keyword}' is not understood here.`, instead);
      return;
    }
    this.#find(
      "UnknownKeyword",
      path,
      `JSON Schema has no keyword '${keyword.slice(0, 80)}'.`,
      didYouMean(keyword, KEYWORDS) ?? "Remove it, or let its name begin with 'x-'.",
    );
  }

  #find(code: string, path: Path, message: string, hint: string): void {
    this.findings.push({ code, path: pathText(path), message, hint });
  }
}
