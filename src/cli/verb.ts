import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import type { ExitCode } from "./exit.ts";

/** What runs once the arguments are read. Rejects with CommandFailure, DiagnosticError, ApiError or UnreachableError. */
export type Run = (context: CommandContext) => Promise<ExitCode | void>;

/**
 * One verb. `define` adds arguments, options and examples to `command` and, through `act`, what they lead to. The
 * options given to every verb (`--home`, `--namespace`, `--output` ...) are there already.
 */
export interface Verb {
  readonly define: (command: Command, act: (run: Run) => void) => void;
}

/** A verb in the registry: what help and completion need, and where the rest is. */
export interface VerbEntry {
  readonly name: string;
  /** A few words, beginning with a verb, without a full stop. */
  readonly summary: string;
  /** Heading in help. */
  readonly group: "Declare" | "Workflows" | "Look" | "Change" | "Control plane" | "Tools";
  readonly load: () => Promise<Verb>;
}
