/** Why a template cannot be read or rendered, with line and column in its text. */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Origin } from "./ast.ts";

export function positionIn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - start + 1 };
}

export function templateProblem(
  code: "InvalidTemplate" | "TemplateFailed",
  origin: Origin,
  at: number,
  message: string,
): DiagnosticError {
  return new DiagnosticError([
    {
      severity: "error",
      code,
      message,
      source: { file: origin.name, ...positionIn(origin.text, at) },
    },
  ]);
}
