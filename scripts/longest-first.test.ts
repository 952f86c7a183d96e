import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { longest, rank } from "./longest-first.ts";
import { root } from "./sources.ts";

test("every file that is said to be long is there", () => {
  expect(longest.filter((path) => !existsSync(resolve(root, path)))).toEqual([]);
});

test("long files come first, in their order; then the projects in theirs", () => {
  const [first = "", second = ""] = longest;
  const projects = ["end to end", "unit"];
  const places = [
    rank(first, "unit", projects),
    rank(second, "end to end", projects),
    rank("test/a.test.ts", "end to end", projects),
    rank("src/a.test.ts", "unit", projects),
  ];
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(new Set(places).size).toBe(places.length);
});
