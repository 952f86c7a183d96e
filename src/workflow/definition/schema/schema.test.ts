/** JSON Schema: what is understood, what is refused, and what people read. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../../../diagnostics/diagnostic.ts";
import { jsonSchemaCheck, withDefaults } from "../json-schema.ts";

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly {
    readonly description: string;
    readonly data: unknown;
    readonly valid: boolean;
  }[];
}

/** JSON-Schema-Test-Suite (MIT, its first line), without what is fetched, `$dynamicRef`, and formats as mere notes. */
const suite = readFileSync(new URL("../fixtures/json-schema-test-suite.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => JSON.parse(line) as { readonly file: string; readonly groups: readonly Group[] });

/** Groups whose schemas are refused, rather than checked in another way than the draft says. */
const REFUSED: readonly string[] = [
  "validate definition against metaschema",
  "empty enum",
  "pattern with Unicode property escape requires unicode mode",
  "patternProperties with Unicode property escape",
  "properties whose names are Javascript object property names",
  "remote ref, containing refs itself",
  "unevaluatedProperties with $dynamicRef",
];

/** What Ajv does otherwise. */
const DIFFERENT: readonly string[] = [
  // What overflows when it is divided is no multiple.
  "float division = inf",
  // What an `if` alone looked at counts as evaluated.
  "unevaluatedProperties with if/then/else, then not defined: when if is",
  "unevaluatedProperties can see annotations from if without then and else",
];

function codesOf(schema: unknown): readonly string[] {
  try {
    jsonSchemaCheck(schema);
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map(({ code, path = "" }) => `${code} ${path}`.trim());
  }
}

const told = (schema: unknown, value: unknown): readonly string[] =>
  jsonSchemaCheck(schema)(value).map(({ path, message }) => `${path}: ${message}`);

describe("the test suite of JSON Schema", () => {
  it.for(suite)("is passed: $file", ({ groups }) => {
    const wrong: string[] = [];
    const refused: string[] = [];
    for (const { description, schema, tests } of groups) {
      if (codesOf(schema).length > 0) {
        refused.push(description);
        continue;
      }
      const check = jsonSchemaCheck(schema);
      for (const test of tests)
        if ((check(test.data).length === 0) !== test.valid) wrong.push(`${description}: ${test.description}`);
    }
    expect(wrong.filter((one) => !DIFFERENT.some((known) => one.startsWith(known)))).toEqual([]);
    expect(refused.filter((one) => !REFUSED.includes(one))).toEqual([]);
  });
});

describe("what does not fit its schema", () => {
  it("is told all at once, in sentences, with where it is", () => {
    const schema = {
      type: "object",
      required: ["name", "count"],
      properties: {
        name: { type: "string", maxLength: 3 },
        count: { type: "integer", minimum: 1 },
        day: { enum: ["mon", "tue"] },
        at: { format: "date-time" },
        tags: { type: "array", uniqueItems: true, items: { type: "string", pattern: "^[a-z]+$" } },
      },
      additionalProperties: false,
    };
    expect(
      told(schema, { name: "long", day: "x", at: "now", tags: ["a", "a", "B", 1], counts: 1 }).toSorted(),
    ).toEqual([
      "at: It must be an instant such as 2026-03-01T09:30:00Z.",
      "count: It is required.",
      "counts: There is no such field here. Did you mean 'count'?",
      "day: It must be one of mon, tue.",
      "name: It must have at most 3 characters.",
      "tags: Its items must all differ.",
      "tags[2]: It must match the pattern ^[a-z]+$.",
      "tags[3]: It must be a text, not a number.",
    ]);
    expect(told({ type: "object", required: ["n"] }, {})).toEqual(["n: It is required."]);
  });

  it("is told without the value, which may be a secret", () => {
    const secret = "hunter2-hunter2";
    const schemas = [
      { type: "integer" },
      { enum: ["a"] },
      { const: 1 },
      { pattern: "^x" },
      { format: "date" },
      { format: "uri" },
      { not: { type: "string" } },
      { maxLength: 1 },
      { anyOf: [{ type: "number" }, { const: "b" }] },
      { oneOf: [{ type: "string" }, { minLength: 1 }] },
      false,
    ];
    for (const schema of schemas) {
      const all = told(schema, secret);
      expect(all).not.toEqual([]);
      expect(all.join(" ")).not.toContain(secret);
    }
  });

  it("of alternatives is told of the one whose type it has, else of all", () => {
    const schema = {
      anyOf: [
        { type: "string" },
        { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
      ],
    };
    expect(told(schema, {})).toEqual(["n: It is required."]);
    expect(told(schema, 1)).toEqual([": It must be a text or an object, not a number."]);
    expect(told({ oneOf: [{ minimum: 1 }, { minimum: 2 }] }, 3)).toEqual([
      ": It fits several alternatives of which it must fit one only.",
    ]);
    expect(told(JSON.parse('{"if": {"minimum": 10}, "then": {"multipleOf": 5}}'), 12)).toEqual([
      ": It must be a multiple of 5.",
    ]);
  });
});

describe("a schema is refused", () => {
  it("for all that is wrong with it, with what was meant", () => {
    expect(
      codesOf({
        type: "object",
        propertys: {},
        properties: {
          a: { type: "string", format: "datetime" },
          b: { pattern: "(?=x)" },
          c: { $dynamicRef: "#x" },
          d: 7,
        },
        "x-note": "for myself",
      }),
    ).toEqual([
      "UnknownKeyword propertys",
      "UnknownFormat properties.a.format",
      "InvalidPattern properties.b.pattern",
      "UnsupportedKeyword properties.c.$dynamicRef",
      "InvalidSchema properties.d",
    ]);
    expect(() => jsonSchemaCheck({ propertys: {} })).toThrow("Did you mean 'properties'?");
    expect(() => jsonSchemaCheck({ format: "datetime" })).toThrow("Did you mean 'date-time'?");
  });

  it("that is none, is of another draft, or refers to elsewhere", () => {
    expect(codesOf({ type: "nonsense" })).toEqual(["InvalidSchema type"]);
    expect(codesOf({ $schema: "http://json-schema.org/draft-07/schema#" })).toEqual(["UnknownDraft $schema"]);
    expect(codesOf({ $ref: "https://example.com/schema.json" })).toEqual(["InvalidSchema"]);
    expect(codesOf({ $ref: "#/$defs/nobody" })).toEqual(["InvalidSchema"]);
    expect(codesOf({ $async: true })).toEqual(["UnknownKeyword $async"]);
    for (const schema of [null, 7, "x", [], undefined]) expect(codesOf(schema)).toEqual(["InvalidSchema"]);
  });

  it("that is too deep or too large", () => {
    let deep: object = {};
    for (let level = 0; level < 5000; level++) deep = { not: deep };
    expect(codesOf(deep)[0]).toMatch(/^SchemaTooLarge/);
    const properties = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`p${index}`, {}]));
    expect(codesOf({ properties })[0]).toMatch(/^SchemaTooLarge/);
  });
});

describe("a schema cannot", () => {
  it("hold up the process with a pattern, nor with items that are compared, nor with itself", () => {
    expect(told({ pattern: "^(a+)+$" }, `${"a".repeat(100_000)}!`)).toHaveLength(1);
    const items = Array.from({ length: 100_000 }, (_, id) => ({ id }));
    expect(told({ uniqueItems: true }, items)).toEqual([]);
    expect(told({ uniqueItems: true }, [...items, { id: 7 }])).toHaveLength(1);
    expect(told({ $ref: "#" }, 1)).toEqual([
      ": It cannot be checked: its schema refers to itself too many times.",
    ]);
    const twice = (name: string): object => ({
      allOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }],
    });
    const $defs = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [`d${index}`, index === 59 ? {} : twice(`d${index + 1}`)]),
    );
    expect(told({ $defs, ...twice("d0") }, 1)).toHaveLength(1);
    let value: object = {};
    for (let level = 0; level < 20_000; level++) value = { a: value };
    expect(told({ properties: { a: { $ref: "#" } } }, value).length).toBeLessThanOrEqual(1);
  });

  it("bring code into what is made of it", () => {
    const evil = `"];globalThis.injected=1;//\`\${globalThis.injected=1}\u2028*/globalThis.injected=1;/*'`;
    const schema = {
      title: evil,
      $comment: evil,
      $id: `urn:x:${encodeURIComponent(evil)}`,
      properties: { [evil]: { default: evil, enum: [evil, evil + 1], description: evil } },
      patternProperties: { [`\\Q${evil}\\E`]: { const: { [evil]: evil } } },
      required: [evil],
      dependentRequired: { [evil]: [evil] },
      dependentSchemas: { [evil]: { properties: { [evil]: { const: evil } } } },
      propertyNames: { enum: [evil] },
      $defs: { [evil]: { $anchor: "a" } },
    };
    withDefaults(schema, {});
    jsonSchemaCheck(schema)({ [evil]: evil, [`${evil}x`]: 1 });
    expect("injected" in globalThis).toBe(false);
  });

  it("be mistaken for another of the same name", () => {
    const named = (type: string): object => ({
      $id: "urn:x:same",
      $defs: { x: { $id: "urn:x:inner", type } },
      $ref: "urn:x:inner",
    });
    expect(told(named("string"), "x")).toEqual([]);
    expect(told(named("number"), "x")).toHaveLength(1);
    expect(told(named("string"), "x")).toEqual([]);
  });
});

describe("defaults", () => {
  const schema = {
    type: "object",
    required: ["region"],
    properties: {
      region: { type: "string", default: "eu" },
      database: {
        type: "object",
        default: {},
        properties: { port: { type: "integer", default: 5432 }, name: { type: "string" } },
      },
      hosts: { type: "array", items: { $ref: "#/$defs/host" } },
    },
    $defs: { host: { type: "object", properties: { weight: { default: 1 } } } },
  };

  it("stand for what is absent, at every depth, and leave what was given alone", () => {
    const given = { database: { name: "x" }, hosts: [{}, { weight: 2 }] };
    expect(withDefaults(schema, given)).toEqual({
      value: { region: "eu", database: { name: "x", port: 5432 }, hosts: [{ weight: 1 }, { weight: 2 }] },
      violations: [],
    });
    expect(given).toEqual({ database: { name: "x" }, hosts: [{}, { weight: 2 }] });
    expect(withDefaults(schema, {}).value).toEqual({ region: "eu", database: { port: 5432 } });
  });

  it("are checked as everything else", () => {
    const { violations } = withDefaults({ properties: { n: { type: "integer", default: "x" } } }, {});
    expect(violations).toEqual([{ path: "n", message: "It must be a whole number, not a text." }]);
  });
});
