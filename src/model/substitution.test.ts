import { describe, expect, test } from "vitest";
import type { Reference } from "./expression.ts";
import { type Substitute, substituted } from "./substitution.ts";

const each = { key: "a-1", value: { zone: "x", size: 3, note: "pay ${me}" } } as const;

function ofEach({ root, name }: Reference): Substitute | undefined {
  if (root === "each") return { value: (each as Readonly<Record<string, unknown>>)[name] };
  if (root === "service") return { name: `${name}-berlin` };
  return undefined;
}

const become = (text: string): unknown => substituted(text, ofEach);

describe("a text of one expression keeps the type of its value", () => {
  test.each([
    ["${each.value.size}", 3],
    ["${each.value.size + 1}", 4],
    ["${each.value.zone}", "x"],
    ["${each.value}", { zone: "x", size: 3, note: "pay $${me}" }],
    ["${each.key}", "a-1"],
  ])("%s", (text, value) => expect(become(text)).toEqual(value));
});

describe("what is known is put into the text, what is not stays an expression", () => {
  test.each([
    ["${database.x.status.url}-${each.key}", "${database.x.status.url}-a-1"],
    ["${database.my-db.status.url + each.key}", '${database.my-db.status.url + "a-1"}'],
    ["${database.x.status.list[each.value.size]}", "${database.x.status.list[3]}"],
    [
      "${[database.x.status.n, each.value.size].map(each, each)}",
      "${[database.x.status.n, 3].map(each, each)}",
    ],
    ["${(each.value).size + param.n}", '${({"zone": "x", "size": 3, "note": "pay ${me}"}).size + param.n}'],
  ])("%s", (text, value) => expect(become(text)).toBe(value));
});

test("a reference has another name, a literal that looks like one does not", () => {
  expect(become('http://${service.api.status.host}:80/${"service.api" + service["web-1"].status.url}')).toBe(
    'http://${service.api-berlin.status.host}:80/${"service.api" + service.web-1-berlin.status.url}',
  );
});

test("what is written as plain text stays plain text", () => {
  expect(become("$${each.key} of ${each.key}: ${each.value.note}")).toBe("$${each.key} of a-1: pay $${me}");
});

test("a text without anything to replace is left as it is", () => {
  expect(become("${database['x'].status.url}")).toBe("${database['x'].status.url}");
  expect(become("plain")).toBe("plain");
});

test("a member that is missing is an error, not a guess", () => {
  expect(() => become("${each.value.colour}")).toThrow("colour");
});
