/** Plain YAML is read without the parser: what is read is what the parser would read, or it is left to the parser. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { plainDocument } from "./load/plain-yaml.ts";
import { parseYaml } from "./load/yaml.ts";

function parsed(text: string): unknown {
  const [document] = parseAllDocuments(text, { uniqueKeys: false, merge: true, logLevel: "silent" });
  return document === undefined || !("toJS" in document) || document.errors.length > 0
    ? "refused"
    : document.toJS({ maxAliasCount: 100 });
}

/** Pieces of YAML that are easily misread, in any order. */
const piece = fc.constantFrom(
  ..."a: |b: |- |: |, |# | # |{|}|[|]|\"|'|''|\\|\\n|&x|*x|!t|>|%|@|~|null|true|yes|0|-0|007|1.5|1e3|0x1f|.5|+1|1_000|12:30|1.2.3|10m|1Gi|${x.y}|http://h/|<<|? |a b|...|---|\t|é|-|--|=|\n|\n  |\n    |\na: |\n- |\n  - |\n  b: ".split(
    "|",
  ),
);

describe("plain YAML", () => {
  it("is read as the parser reads it, or not at all", () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        const text = `kind: x\nspec: ${pieces.join("")}\n`;
        if (/^(?:---|\.\.\.)/m.test(text)) return;
        const value = plainDocument(text);
        if (value !== undefined) expect(value).toEqual(parsed(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it("is read as the parser reads it, whatever values a program wrote as YAML", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue({ maxDepth: 4 })),
        fc.boolean(),
        (value, isFlow) => {
          const text = stringify(value, { defaultStringType: isFlow ? "QUOTE_DOUBLE" : "PLAIN" });
          const plain = plainDocument(text);
          if (plain !== undefined) expect(plain).toEqual(parsed(text));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("is what resources are usually written in", () => {
    const text = `---
# A thing.
kind: Resource
metadata: { name: n1, labels: { tier: "back" } }
spec:
  class: data # not simulated
  config:
    name: "thing 1"
    zone: \${resource.n0.status.output.name}
    'quoted': 1
`;
    expect(plainDocument(text.replace("'quoted'", "count"))).toEqual({
      kind: "Resource",
      metadata: { name: "n1", labels: { tier: "back" } },
      spec: {
        class: "data",
        config: { name: "thing 1", zone: "${resource.n0.status.output.name}", count: 1 },
      },
    });
    expect(plainDocument(text)).toBeUndefined();
  });

  it("gives the same positions as the parser, in the lines of the whole file", () => {
    const plain = "kind: A\nspec:\n  x: 1\n---\nkind: B\nspec:\n  x: 2\n";
    const unusual = "kind: A\nspec:\n  x: 1\n---\nkind: B\nspec:\n  x: &anchor 2\n";
    for (const text of [plain, unusual]) {
      const { manifests } = parseYaml(text, "f.yaml");
      expect(manifests.map(({ source }) => source.position("spec.x"))).toEqual([
        { file: "f.yaml", line: 3, column: 3 },
        { file: "f.yaml", line: 7, column: 3 },
      ]);
    }
  });

  it("reports what is wrong in a later document at its own line", () => {
    const { diagnostics } = parseYaml("kind: A\n---\nkind: B\nspec: [1\n", "f.yaml");
    expect(diagnostics[0]).toMatchObject({ code: "InvalidYaml", source: { line: 5 } });
    const twice = parseYaml("kind: A\n---\nkind: B\nkind: C\n", "f.yaml").diagnostics;
    expect(twice[0]).toMatchObject({ code: "DuplicateKey", source: { line: 4 } });
  });
});
