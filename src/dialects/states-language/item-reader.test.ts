import { expect, it } from "vitest";
import { csvRows, parseItems } from "./item-reader.ts";

it("quoted fields of CSV hold delimiters, line ends and doubled quotes", () => {
  expect(csvRows('a,"b,\n""c"""\r\n\nd,\n', ",")).toEqual([
    ["a", 'b,\n"c"'],
    ["d", ""],
  ]);
});

it("rows become objects by the header of the file or the one given", () => {
  expect(parseItems("x;y\n1;2;3\n4\n", { InputType: "CSV", CSVDelimiter: "SEMICOLON" })).toEqual([
    { x: "1", y: "2" },
    { x: "4", y: "" },
  ]);
  expect(parseItems("1,2", { InputType: "CSV", CSVHeaderLocation: "GIVEN", CSVHeaders: ["a", "b"] })).toEqual(
    [{ a: "1", b: "2" }],
  );
});

it("JSON and JSON lines", () => {
  expect(parseItems("[1,2]", { InputType: "JSON" })).toEqual([1, 2]);
  expect(parseItems('{"a":1}\n\n{"a":2}\n', { InputType: "JSONL" })).toEqual([{ a: 1 }, { a: 2 }]);
});

it("a file that is not what it should be fails the reader", () => {
  const failed = expect.objectContaining({ error: "States.ItemReaderFailed" }) as Error;
  expect(() => parseItems('{"a":1}', { InputType: "JSON" })).toThrow(failed);
  expect(() => parseItems("{", { InputType: "JSONL" })).toThrow(failed);
  expect(() => parseItems("", { InputType: "PARQUET" })).toThrow(failed);
});
