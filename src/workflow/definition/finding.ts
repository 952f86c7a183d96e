/** One thing that is wrong with a definition. */
export interface Finding {
  readonly code: string;
  /** `steps.load.retry[0].interval`. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}
