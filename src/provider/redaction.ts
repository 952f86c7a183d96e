/** What an instance prints, fit for people: without the values of its secrets (I10), and the line that says why it ended. */
import { type Keyring, isSealed } from "../model/sealed.ts";

/** Words of the sealed values in `env`, opened. */
export function secretsIn(env: Readonly<Record<string, unknown>>, keyring: Keyring): readonly string[] {
  return Object.values(env)
    .filter(isSealed)
    .flatMap((value) => secretWords(keyring.open(value)));
}

/** A secret, and the password in it if it is a URL. What is too short to be told from ordinary text is left alone. */
export function secretWords(value: string): readonly string[] {
  return [value, ...passwordIn(value)].filter((word) => word.length >= 6);
}

function passwordIn(value: string): readonly string[] {
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^:/@]*:([^@/]+)@/i.exec(value);
  return match?.[1] === undefined ? [] : [match[1]];
}

export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((result, secret) => result.replaceAll(secret, "(secret)"), text);
}

/** The last line that says something, of a program's output; stack frames say less than what is above them. */
export function tellingLine(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("at ") && !/^Node\.js v\d/.test(line) && line !== "}");
  const telling = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
  return telling.slice(0, 300);
}
