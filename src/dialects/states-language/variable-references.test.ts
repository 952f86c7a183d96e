import { expect, it } from "vitest";
import { variableReferences } from "./variable-references.ts";

it("variables that a state reads are named once each, in order; those it sets or binds itself are not", () => {
  const inner = { StartAt: "I", States: { I: { Type: "Pass", InputPath: "$inner", End: true } } };
  const States = {
    A: {
      Type: "Pass",
      Parameters: { "x.$": "States.Array($b, $a.y, $.c, $$.d)" },
      Assign: { set: 1 },
      Next: "B",
    },
    B: {
      Type: "Pass",
      QueryLanguage: "JSONata",
      Output: "{% ($t := $a; $sum($t) + $states.input.q) %}",
      Next: "C",
    },
    C: { Type: "Parallel", Branches: [inner], End: true },
  };
  expect(variableReferences({ StartAt: "A", States })).toEqual({ A: ["a", "b"], B: ["a"], I: ["inner"] });
});
