import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ItemFormat, ItemReader, formatOf, itemsIn } from "./item-file.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "tutti-items-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function items(text: string, format: ItemFormat): Promise<readonly unknown[]> {
  const file = join(folder, "items");
  writeFileSync(file, text);
  return Array.fromAsync(itemsIn(file, format));
}

it("reads lines of JSON, blank ones aside", async () => {
  expect(await items('{"a":1}\n\n"two"\r\n[3]', "json-lines")).toEqual([{ a: 1 }, "two", [3]]);
  expect(await items("", "json-lines")).toEqual([]);
});

it("reads the elements of a JSON array, whatever is in them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), async (list, indent) => {
      expect(await items(JSON.stringify(list, null, indent), "json")).toEqual(
        JSON.parse(JSON.stringify(list)) as unknown,
      );
    }),
    { numRuns: 50 },
  );
  expect(await items(" [ ] ", "json")).toEqual([]);
});

it("reads CSV as objects, with quotes, commas and line ends in fields", async () => {
  const text = '\uFEFFname,note\r\nann,"a ""big"", red\nhouse"\n\nbob,\n"",last';
  expect(await items(text, "csv")).toEqual([
    { name: "ann", note: 'a "big", red\nhouse' },
    { name: "bob", note: "" },
    { name: "", note: "last" },
  ]);
});

it("refuses what is in another format, or cut off", async () => {
  await expect(items('{"a":1}', "json")).rejects.toThrow("no JSON array");
  await expect(items('[1, {"a":', "json")).rejects.toThrow("no end");
  await expect(items("[1, oops]", "json")).rejects.toThrow("Item 1 of the items is not JSON");
  await expect(items("1\noops", "json-lines")).rejects.toThrow("Line 2 of the items is not JSON");
});

it("gives items by their number, in ascending order, and knows formats by names of files", async () => {
  const file = join(folder, "many.jsonl");
  writeFileSync(file, Array.from({ length: 100_000 }, (_, n) => `${n}\n`).join(""));
  const reader = new ItemReader(file, formatOf({ path: file }));
  expect(await Promise.all([reader.read(0, 2), reader.read(2, 1), reader.read(50_000, 3)])).toEqual([
    [0, 1],
    [2],
    [50_000, 50_001, 50_002],
  ]);
  expect(await reader.read(99_999, 5)).toEqual([99_999]);
  await reader.close();
  expect([formatOf({ path: "a.CSV" }), formatOf({ path: "a.json" })]).toEqual(["csv", "json"]);
});
