import fc from "fast-check";
import { expect, it } from "vitest";
import { forEachString, mapStrings, pathText, strings, valueAt } from "./walk.ts";

it("paths are written as diagnostics spell them", () => {
  expect(pathText(["spec", "ports", 0, "port"])).toBe("spec.ports[0].port");
  expect(pathText(["metadata", "labels", "tutti.dev/system"])).toBe('metadata.labels["tutti.dev/system"]');
  expect(pathText([])).toBe("");
});

it("every string is visited with the path that leads to it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const seen = [...strings(value)];
      for (const { path, text } of seen) expect(valueAt(value, path)).toBe(text);
      const again: unknown[] = [];
      forEachString(value, (text, path) => again.push({ path: [...path], text }));
      expect(again).toEqual(seen);
    }),
  );
});

it("replacing strings copies what changes and shares what does not", () => {
  const value = { a: ["x", "y"], b: { c: "x" }, d: ["y"] };
  const mapped = mapStrings(value, (text) => (text === "x" ? 1 : text)) as typeof value;
  expect(mapped).toEqual({ a: [1, "y"], b: { c: 1 }, d: ["y"] });
  expect(mapped.d).toBe(value.d);
  expect(mapStrings(value, (text) => text)).toBe(value);
});

it("there is nothing at a path that leads through a plain value", () => {
  expect(valueAt({ a: "text" }, ["a", "length"])).toBeUndefined();
  expect(valueAt(null, ["a"])).toBeUndefined();
});
