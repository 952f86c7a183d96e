/** What a query is refused or stopped for. */
export type PromQLErrorKind = "bad_data" | "execution" | "timeout";

/** Lines and columns count from 1, columns in characters of the query. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface PromQLErrorDetails {
  readonly position?: Position;
  /** What whoever wrote the query can do about it. */
  readonly hint?: string;
}

/**
 * `message` says what is wrong (in Prometheus' words where it has any), without the position; `hint` says what to do.
 */
export class PromQLError extends Error {
  /** `bad_data`: the text is no valid query. `execution`: evaluating it failed. `timeout`: it took too long. */
  readonly kind: PromQLErrorKind;
  readonly position: Position | undefined;
  readonly hint: string | undefined;

  constructor(kind: PromQLErrorKind, message: string, details: PromQLErrorDetails = {}) {
    super(message);
    this.name = "PromQLError";
    this.kind = kind;
    this.position = details.position;
    this.hint = details.hint;
  }
}
