/**
 * How Tutti says what is wrong: a stable code, the address it concerns, where it stands in a file, what is wrong and
 * what to do about it. Everything a person or a program is refused with is a list of these.
 */
export interface SourcePosition {
  readonly file: string;
  /** Counted from 1. */
  readonly line?: number;
  readonly column?: number;
}

export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Stable, in upper camel case: `UnknownField`, `ReferenceCycle`. Programs may rely on it. */
  readonly code: string;
  /** `service/api`, or undefined where no resource is concerned. */
  readonly address?: string;
  /** Path within the resource: `spec.ports[0].port`. */
  readonly path?: string;
  readonly source?: SourcePosition;
  /** What is wrong, one sentence. Never holds a secret's value. */
  readonly message: string;
  /** What to do about it, one sentence. */
  readonly hint?: string;
}

/** Bad input, as opposed to a fault of ours: carries every diagnostic found, not only the first. */
export class DiagnosticError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join("\n"));
    this.name = "DiagnosticError";
    this.diagnostics = diagnostics;
  }
}

/** Throws one error diagnostic. */
export function refuse(diagnostic: Omit<Diagnostic, "severity">): never {
  throw new DiagnosticError([{ severity: "error", ...diagnostic }]);
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/** One plain line, for logs and API messages; the CLI has a view of its own. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const where = [diagnostic.address, diagnostic.path].filter(Boolean).join(" ");
  const source = diagnostic.source === undefined ? "" : ` (${formatPosition(diagnostic.source)})`;
  const hint = diagnostic.hint === undefined ? "" : ` ${diagnostic.hint}`;
  return `${diagnostic.code}: ${where === "" ? "" : `${where}: `}${diagnostic.message}${source}${hint}`;
}

export function formatPosition(position: SourcePosition): string {
  return [position.file, position.line, position.column].filter((part) => part !== undefined).join(":");
}
