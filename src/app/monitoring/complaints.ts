/**
 * Says what is wrong with what was declared, once: of what is told again and again only what is new is said, and of much
 * only the first.
 */
export type Say = (keys: object, message: string) => void;

/** Of one telling. */
const MOST = 10;

export class Complaints {
  readonly #say: Say;
  readonly #message: string;
  #known: ReadonlySet<string> = new Set();

  /** `message` is the line of the log. */
  constructor(say: Say, message: string) {
    this.#say = say;
    this.#message = message;
  }

  /** All that is wrong now, as sentences. */
  tell(reasons: readonly string[]): void {
    const now = new Set(reasons);
    const fresh = [...now].filter((reason) => !this.#known.has(reason));
    for (const reason of fresh.slice(0, MOST)) this.#say({ reason }, this.#message);
    if (fresh.length > MOST) this.#say({ more: fresh.length - MOST }, this.#message);
    this.#known = now;
  }
}
