/**
 * A text that is told to nobody but whom it is for: it is read at the last moment, and whatever prints it prints
 * `<secret>`.
 */
import { readFile } from "node:fs/promises";
import { inspect } from "node:util";

export const REDACTED = "<secret>";

export class Secret {
  readonly #read: () => Promise<string>;
  /** What can be said of where it comes from. */
  readonly origin: string;

  private constructor(read: () => Promise<string>, origin: string) {
    this.#read = read;
    this.origin = origin;
  }

  static of(value: string): Secret {
    return new Secret(() => Promise.resolve(value), "the configuration");
  }

  /** Read each time, since such files are changed under a running program. */
  static file(path: string): Secret {
    return new Secret(async () => (await readFile(path, "utf8")).trim(), path);
  }

  /** The value, or the file's; the file's error names only its path. */
  static either(value: string | undefined, path: string | undefined): Secret | undefined {
    if (value !== undefined && value !== "") return Secret.of(value);
    return path === undefined || path === "" ? undefined : Secret.file(path);
  }

  reveal(): Promise<string> {
    return this.#read();
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
