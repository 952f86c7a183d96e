/** How a command ends. Documented in `tutti --help`; scripts may rely on it. */
export const EXIT = {
  ok: 0,
  /** Something did not become ready, or a request failed. */
  failed: 1,
  /** Bad input or wrong usage; nothing was changed. */
  usage: 2,
  /** A yes is needed: the plan destroys something and nobody could be asked. */
  refused: 3,
  /** No control plane answers. */
  unreachable: 4,
  /** The base has moved: the plan that was shown is no longer right. */
  conflict: 5,
  /** The change waits for people, or for another to end; nothing of it is applied yet. */
  waiting: 6,
  interrupted: 130,
} as const;

export type ExitCode = number;

/** Ends the command with a sentence for people. */
export class CommandFailure extends Error {
  readonly code: ExitCode;
  readonly hint: string | undefined;

  constructor(code: ExitCode, message: string, hint?: string) {
    super(message);
    this.name = "CommandFailure";
    this.code = code;
    this.hint = hint;
  }
}

/** Wrong usage. */
export function misuse(message: string, hint?: string): never {
  throw new CommandFailure(EXIT.usage, message, hint);
}
