/** Secrets in what is declared: opened for the tool, and sealed in what comes back. */
import { type Keyring, isSealed } from "../../model/sealed.ts";
import { UNKNOWN } from "../../provider/provider.ts";
import { secretWords } from "../../provider/redaction.ts";

export function isKnown(value: unknown): boolean {
  if (value === UNKNOWN) return false;
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isKnown);
}

/** Every secret in it, and the words in those by which they would be known. */
export function secretsWithin(value: unknown, keyring: Keyring): readonly string[] {
  if (isSealed(value)) return secretWords(keyring.open(value));
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((member: unknown) => secretsWithin(member, keyring));
}

/** With every text sealed in which one of the words appears. */
export function sealWords(value: unknown, words: readonly string[], keyring: Keyring): unknown {
  if (typeof value === "string")
    return words.some((word) => value.includes(word)) ? keyring.seal(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => sealWords(item, words, keyring));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, sealWords(member, words, keyring)]),
  );
}

/** All of it as one secret: its text, or its JSON. */
export function sealWhole(value: unknown, keyring: Keyring): string | null {
  if (value === undefined || value === null) return null;
  return keyring.seal(typeof value === "string" ? value : JSON.stringify(value));
}
