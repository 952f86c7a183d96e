/** Secrets that a step names, opened where they are used and taken out of everything that comes back (I10). */
import { mapStrings, valueAt } from "../../model/walk.ts";
import { redact, secretWords } from "../../provider/redaction.ts";
import { TaskError } from "../engine/step-type.ts";
import { type SecretName, type SecretText, mapSecrets } from "../engine/secret-text.ts";

/** The opened values of a Secret, or of another resource (`root`: `database`) with all it holds; undefined when there is none. */
export type ReadSecret = (
  namespace: string,
  name: string,
  root: string,
) => Readonly<Record<string, unknown>> | undefined;

/** The secrets of one attempt. */
export class StepSecrets {
  readonly #namespace: string;
  readonly #read: ReadSecret;
  readonly #words = new Set<string>();

  constructor(namespace: string, read: ReadSecret) {
    this.#namespace = namespace;
    this.#read = read;
  }

  /** A copy with the values in it, for the ears of what is driven only. Refuses with MissingSecret, which is Terminal. */
  open<T>(value: T): T {
    return mapSecrets(value, (text) => this.#openText(text)) as T;
  }

  /** The same, each text that holds a secret made of it what `seal` gives. */
  seal<T>(value: T, seal: (opened: string) => string): T {
    return mapSecrets(value, (text) => seal(this.#openText(text))) as T;
  }

  /** Whatever else is secret: an output that is marked so. */
  add(value: string): void {
    // What prints it prints line by line.
    for (const word of new Set([value, ...value.split("\n")].flatMap(secretWords))) {
      // As it stands in JSON and in addresses as well, where that is another text.
      const whole = word.toWellFormed();
      for (const form of [
        word,
        JSON.stringify(word).slice(1, -1),
        encodeURI(whole),
        encodeURIComponent(whole),
      ])
        this.#words.add(form);
    }
  }

  /** A text without the values that were opened. */
  redact(text: string): string {
    return redact(text, [...this.#words]);
  }

  /** A JSON value without them. */
  redactAll(value: unknown): unknown {
    return this.#words.size === 0 ? value : mapStrings(value, (text) => this.redact(text));
  }

  #openText({ parts }: SecretText): string {
    return parts
      .map((part) => {
        if (typeof part === "string") return part;
        const value = valueAt(this.#read(this.#namespace, part.name, part.root), part.path);
        if (typeof value !== "string") throw missing(part, this.#namespace);
        this.add(value);
        return value;
      })
      .join("");
  }
}

function missing({ root, name, path }: SecretName, namespace: string): TaskError {
  const what =
    root === "secret"
      ? `There is no Secret '${name}' with the key '${path.join(".")}' in the namespace ${namespace}. Create it`
      : `There is no ${root}/${name} with a ${path.join(".")} in the namespace ${namespace}. Wait until it is ready`;
  return new TaskError("MissingSecret", `${what}, then fork the run from this step.`, { terminal: true });
}
