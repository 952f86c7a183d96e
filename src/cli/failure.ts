/** What went wrong, for people, and the exit code that says it to programs. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT, type ExitCode } from "./exit.ts";
import { diagnosticsView } from "./views/diagnostics.ts";
import { structured } from "./output.ts";

export async function reportFailure(error: unknown, context: CommandContext): Promise<ExitCode> {
  const reason: unknown = context.signal.aborted && isAbort(error) ? context.signal.reason : error;
  if (reason instanceof CommandFailure) return reportSentence(reason, context);
  if (reason instanceof DiagnosticError) return reportDiagnostics(reason.diagnostics, context);
  const { ApiError, UnreachableError } = await import("../client/error.ts");
  if (reason instanceof UnreachableError)
    return reportSentence(
      new CommandFailure(
        EXIT.unreachable,
        sentence(reason.message),
        "See 'tutti doctor', or start it with 'tutti serve'.",
      ),
      context,
    );
  if (reason instanceof ApiError) {
    if (reason.diagnostics.length > 0) return reportDiagnostics(reason.diagnostics, context);
    return reportSentence(new CommandFailure(codeOf(reason), sentence(reason.message)), context);
  }
  return reportSentence(
    new CommandFailure(EXIT.failed, sentence(messageOf(reason)), faultHint(reason, context)),
    context,
  );
}

/** Diagnostics that are no error of a request: printed, with exit code 2. */
export async function reportDiagnostics(
  diagnostics: readonly Diagnostic[],
  context: CommandContext,
): Promise<ExitCode> {
  if (context.isStructured) context.print(await structured({ diagnostics }, context.output));
  else
    context.complain(
      diagnosticsView(diagnostics, { style: context.errorStyle, cwd: context.environment.cwd }),
    );
  return EXIT.usage;
}

function reportSentence(failure: CommandFailure, context: CommandContext): ExitCode {
  if (failure.message !== "") {
    const { style } = { style: context.errorStyle };
    context.complain(
      `${style.red("error:")} ${failure.message}${failure.hint === undefined ? "" : `\n  ${style.dim(failure.hint)}`}`,
    );
  }
  return failure.code;
}

function codeOf({ code, reason }: { readonly code: number; readonly reason: string }): ExitCode {
  // Refused: what was asked cannot be done to it now, whoever asks; nothing has moved.
  if (code === 409) return reason === "Refused" ? EXIT.failed : EXIT.conflict;
  return code === 400 || code === 422 ? EXIT.usage : EXIT.failed;
}

function isAbort(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === "AbortError" || (error as { readonly code?: string }).code === "ABORT_ERR")
  );
}

/** A fault of ours: the stack is for whoever reports it. */
function faultHint(error: unknown, context: CommandContext): string | undefined {
  if (!(error instanceof Error) || "code" in error) return undefined;
  return context.environment.env["TUTTI_DEBUG"] === undefined
    ? "This is a fault of tutti; TUTTI_DEBUG=1 shows where."
    : error.stack;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sentence(text: string): string {
  const line = text.trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
