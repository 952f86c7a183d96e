/**
 * A text of a step in which secrets are named: `Bearer ${secret.stripe.key}`. The engine resolves everything else in it and
 * never sees a secret's value; the type of the step opens it at the last moment (I10).
 *
 * It is an object of a class, and not a text with a mark in it, so that no parameter, result or payload can pass for one:
 * whatever is written in data, only a definition names secrets.
 */
export interface SecretName {
  /** `secret`, or the root of a kind with secret outputs: `database`. */
  readonly root: string;
  readonly name: string;
  /** The key of a Secret, or where the output is: `status`, `url`. */
  readonly path: readonly string[];
}

export class SecretText {
  readonly parts: readonly (string | SecretName)[];

  constructor(parts: readonly (string | SecretName)[]) {
    this.parts = parts;
  }

  /** As it was written. */
  toString(): string {
    return this.parts
      .map((part) =>
        typeof part === "string" ? part : `\${${[part.root, part.name, ...part.path].join(".")}}`,
      )
      .join("");
  }

  /** What logs, hashes and journals get, should it come there. */
  toJSON(): string {
    return this.toString();
  }
}

/** A copy with each SecretText replaced by what `open` makes of it. */
export function mapSecrets(value: unknown, open: (text: SecretText) => unknown): unknown {
  if (value instanceof SecretText) return open(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => mapSecrets(item, open));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapSecrets(member, open)]));
}
