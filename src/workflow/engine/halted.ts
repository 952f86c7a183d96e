/** Why a run does not go on here, or is not there, for people. */
import { type Diagnostic, DiagnosticError, refuse } from "../../diagnostics/diagnostic.ts";
import { JournalRefused } from "./recorder.ts";

export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (error instanceof DiagnosticError) return error.diagnostics;
  const message = error instanceof Error ? error.message : "Something was thrown that is no Error.";
  const hint = "It goes on by itself once the journal takes records again: look whether its disk is full.";
  return [
    error instanceof JournalRefused
      ? { severity: "error", code: "JournalRefused", message, hint }
      : { severity: "error", code: "RunHalted", message },
  ];
}

export function unknownRun(id: string): never {
  return refuse({
    code: "UnknownRun",
    message: `There is no run '${id}'.`,
    hint: "Ask for the runs there are.",
  });
}
