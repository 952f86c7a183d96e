import { expect, it } from "vitest";
import { validateDefinition, validateText } from "./validate.ts";

it("all problems are found at once, each with its pointer and line", () => {
  const found = validateText(
    [
      "{",
      '  "StartAt": "Firs",',
      '  "States": {',
      '    "First": { "Type": "Task", "Next": "Gone" },',
      '    "Last": { "Type": "Wait", "Seconds": -1, "Parameters": {}, "End": true }',
      "  }",
      "}",
    ].join("\n"),
    "machine.json",
  ).filter(({ severity }) => severity === "error");
  expect(found.map(({ path, source }) => [path, source?.line])).toEqual([
    ["/StartAt", 2],
    ["/States/First", 4],
    ["/States/First/Next", 4],
    ["/States/Last/Seconds", 5],
    ["/States/Last/Parameters", 5],
  ]);
  expect(found[0]?.message).toContain("Did you mean 'First'?");
});

it("a text that is no definition is refused, whatever it is", () => {
  for (const text of ["", "null", "[]", "{", "not a definition", '{"States": 1, "StartAt": 2}', "&a [*a]"]) {
    expect(validateText(text).some(({ severity }) => severity === "error")).toBe(true);
  }
});

it("a text that would hang or fill its reader is refused: aliases, depth, length", () => {
  const cyclic = "StartAt: A\nStates: &s\n  A: { Type: Pass, End: true, Parameters: *s }\n";
  for (const text of [cyclic, "[".repeat(50_000), `{"StartAt": "${"A".repeat(2_000_000)}"}`]) {
    expect(validateText(text)).toMatchObject([
      { severity: "error", message: expect.stringContaining("cannot be read") as string },
    ]);
  }
});

it("JSON indented with tabs, and YAML, are read", () => {
  expect(validateText('{\n\t"StartAt": "A",\n\t"States": {\n\t\t"A": {"Type":"Succeed"}\n\t}\n}\n')).toEqual(
    [],
  );
  expect(validateText("StartAt: A\nStates:\n  A: { Type: Succeed }\n")).toEqual([]);
});

it("a state that no transition leads to is pointed out, and runs none the less", () => {
  const found = validateDefinition({
    StartAt: "A",
    States: { A: { Type: "Succeed" }, B: { Type: "Succeed" } },
  });
  expect(found).toMatchObject([{ severity: "warning", path: "/States/B" }]);
});

it("expressions are checked in the language of their state", () => {
  const state = (fields: object): object => ({ Type: "Pass", End: true, ...fields });
  const problems = (fields: object): (string | undefined)[] =>
    validateDefinition({ StartAt: "A", States: { A: state(fields) } } as never).map(({ path }) => path);
  expect(problems({ Parameters: { "a.$": "States.Nothing()" } })).toEqual(["/States/A/Parameters/a.$"]);
  expect(problems({ QueryLanguage: "JSONata", Output: "{% 1 + %}" })).toEqual(["/States/A/Output"]);
  expect(problems({ QueryLanguage: "JSONata", Parameters: {} })).toEqual(["/States/A/Parameters"]);
  expect(problems({ Output: 1 })).toEqual(["/States/A/Output"]);
});

it("machines inside states are checked as well", () => {
  const Branches = [{ StartAt: "X", States: { X: { Type: "Pass", Next: "Outside" } } }];
  const States = { Outside: { Type: "Parallel", End: true, Branches } };
  expect(validateDefinition({ StartAt: "Outside", States })).toMatchObject([
    { path: "/States/Outside/Branches/0/States/X/Next" },
  ]);
});
