import { expect, it } from "vitest";
import { DiagnosticError, formatDiagnostic, hasErrors, refuse } from "./diagnostic.ts";

it("a diagnostic is one line with code, place, reason and remedy", () => {
  expect(
    formatDiagnostic({
      severity: "error",
      code: "UnknownField",
      address: "service/api",
      path: "spec.replica",
      source: { file: "tutti.yaml", line: 3 },
      message: "There is no field 'replica' here.",
      hint: "Did you mean 'replicas'?",
    }),
  ).toBe(
    "UnknownField: service/api spec.replica: There is no field 'replica' here. (tutti.yaml:3) Did you mean 'replicas'?",
  );
  expect(formatDiagnostic({ severity: "warning", code: "X", message: "M." })).toBe("X: M.");
});

it("refusing throws an error that carries the diagnostic", () => {
  try {
    refuse({ code: "X", message: "M." });
  } catch (error) {
    expect(error).toBeInstanceOf(DiagnosticError);
    expect((error as DiagnosticError).diagnostics).toEqual([{ severity: "error", code: "X", message: "M." }]);
    return;
  }
  expect.unreachable();
});

it("warnings are no errors", () => {
  expect(hasErrors([{ severity: "warning", code: "X", message: "" }])).toBe(false);
  expect(
    hasErrors([
      { severity: "warning", code: "X", message: "" },
      { severity: "error", code: "Y", message: "" },
    ]),
  ).toBe(true);
});
