import fc from "fast-check";
import { expect, it } from "vitest";
import { folderWith, load, removeFoldersAfterwards } from "./fixtures/loading.ts";
import { writeFileSync } from "node:fs";

removeFoldersAfterwards();

const VALID = `kind: System
metadata: { name: shop }
spec: { parameters: { n: { type: integer, default: 2 } } }
---
kind: Service
metadata:
  name: api
  labels: { tier: "back" }
spec:
  command: [node, "api.ts"]
  replicas: \${param.n * 2}
  env: &env
    URL: \${database.orders.status.url}
    TEXT: |
      several
      lines
  ports: [{ name: http, protocol: http }]
---
kind: Database
metadata: { name: orders }
spec: { retain: true, settings: { <<: {a: 1}, max_connections: 10 } }
`;

type Mutation = (text: string) => string;

const pieces = [
  "\t",
  "  ",
  "\n",
  ": ",
  "- ",
  "---\n",
  "{",
  "}",
  "[",
  "]",
  "&a ",
  "*a",
  "*env",
  "<<: ",
  "!!binary ",
  "!!set ",
  "? ",
  "|\n",
  ">-\n",
  "'",
  '"',
  "#",
  "%YAML 1.1\n",
  "\0",
  "\uFEFF",
  "\u2028",
  "null",
  "~",
  "${",
  "}",
  "$${",
  "${param.n}",
  "${env.X}",
  "__proto__: ",
  "constructor: ",
  "1e999",
  "0x",
  "0o9",
  "2001-01-01",
  ".inf",
  "\\u0000",
  "\ud800",
];

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.constantFrom(...pieces)).map(
    ([at, piece]): Mutation =>
      (text) =>
        insert(text, at, piece),
  ),
  fc.tuple(fc.nat(), fc.nat(40)).map(
    ([at, length]): Mutation =>
      (text) =>
        text.slice(0, at % (text.length + 1)) + text.slice((at % (text.length + 1)) + length),
  ),
  fc.tuple(fc.nat(), fc.nat(), fc.nat(60)).map(
    ([from, at, length]): Mutation =>
      (text) =>
        insert(text, at, text.slice(from % (text.length + 1)).slice(0, length)),
  ),
);

function insert(text: string, at: number, piece: string): string {
  const place = at % (text.length + 1);
  return text.slice(0, place) + piece + text.slice(place);
}

const folder = folderWith({ "tutti.yaml": VALID });

async function loaded(text: string): Promise<Awaited<ReturnType<typeof load>>> {
  writeFileSync(`${folder}/tutti.yaml`, text);
  return load(folder, { env: { X: "x" } });
}

it("the loader takes what the mutations begin with", async () => {
  expect((await loaded(VALID)).diagnostics).toEqual([]);
});

it("the loader gives resources or diagnostics for mutated manifests, and never fails itself", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 6 }), async (mutations) => {
      const result = await loaded(mutations.reduce((text, mutate) => mutate(text), VALID));
      const repeated = JSON.parse(JSON.stringify(result.resources)) as unknown;
      expect(repeated).toEqual(result.resources);
      for (const diagnostic of result.diagnostics)
        expect(diagnostic).toMatchObject({
          code: expect.stringMatching(/^[A-Z][A-Za-z]+$/) as unknown,
          message: expect.any(String) as unknown,
        });
    }),
    { numRuns: 200 },
  );
});

it("the loader never fails for any text at all", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 200 }),
        fc
          .array(fc.constantFrom(...pieces, "a", "kind: Service\n", "metadata:\n", "name: x\n"), {
            maxLength: 60,
          })
          .map((parts) => parts.join("")),
      ),
      async (text) => {
        const { diagnostics, resources } = await loaded(text);
        expect(diagnostics.length + resources.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 200 },
  );
});
