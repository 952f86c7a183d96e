import { expect, it } from "vitest";
import { readPath, variableOf, writePath, wrongPath } from "./json-path.ts";

const roots = {
  input: { a: [{ b: 1 }, { b: 2 }] },
  context: { State: { Name: "S" } },
  variables: { v: { x: 5 } },
};

it("a path that names one place gives the value there; one that selects gives a list", () => {
  expect(readPath("$.a[0].b", roots)).toBe(1);
  expect(readPath("$.a[-1].b", roots)).toBe(2);
  expect(readPath("$.a[9].b", roots)).toBeUndefined();
  expect(readPath("$.a[*].b", roots)).toEqual([1, 2]);
  expect(readPath("$.none[*]", roots)).toEqual([]);
});

it("the context object and the variables have paths of their own", () => {
  expect(readPath("$$.State.Name", roots)).toBe("S");
  expect(readPath("$v.x", roots)).toBe(5);
  expect(readPath("$none.x", roots)).toBeUndefined();
  expect(readPath("$toString", roots)).toBeUndefined();
  expect(variableOf("$v.x")).toBe("v");
  expect(variableOf("$.v")).toBeUndefined();
});

it("a value is written at a Reference Path into a copy; objects on the way are made", () => {
  const before = { a: { b: 1 } };
  expect(writePath("$.a.c.d", before, 2)).toEqual({ a: { b: 1, c: { d: 2 } } });
  expect(writePath("$", before, 2)).toBe(2);
  expect(writePath("$.l[1]", { l: [1, 2] }, 9)).toEqual({ l: [1, 9] });
  expect(before).toEqual({ a: { b: 1 } });
});

it("no place is made in an array or in a value that holds none", () => {
  expect(writePath("$.l[2]", { l: [1, 2] }, 9)).toBeUndefined();
  expect(writePath("$.a.b", { a: "text" }, 9)).toBeUndefined();
  expect(writePath("$.a[*]", { a: [1] }, 9)).toBeUndefined();
});

it("a field named __proto__ is a field like any other", () => {
  const written = writePath("$['__proto__'].polluted", {}, true);
  expect(JSON.stringify(written)).toBe('{"__proto__":{"polluted":true}}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

it("what is no path is said", () => {
  expect(wrongPath("$.a[")).toMatch(/./);
  expect(wrongPath("$$")).toBeUndefined();
});
