import { expect, test } from "vitest";
import { Labels } from "../labels.ts";
import { labelPosition, xxh64 } from "./label-hash.ts";

test.each([
  ["", 0xef46db3751d8e999n],
  ["a", 0xd24ec4f1a98c6e5bn],
  ["abc", 0x44bc2cf5ad770999n],
  ["Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2e85470d6fd96n],
])("'%s' has the hash that other implementations of XXH64 give it", (text, hash) => {
  expect(xxh64(Buffer.from(text))).toBe(hash);
});

test("series are spread evenly", () => {
  const positions = Array.from({ length: 2000 }, (_, at) =>
    labelPosition(Labels.of({ __name__: "requests", instance: String(at) })),
  );
  expect(positions.every((position) => position >= 0 && position < 1)).toBe(true);
  const below = positions.filter((position) => position < 0.5).length;
  expect(below).toBeGreaterThan(900);
  expect(below).toBeLessThan(1100);
});
