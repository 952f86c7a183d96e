/** Secrets in what is declared: opened for the provider, and never seen in what comes back. */
import { type Keyring, isSealed } from "../../model/sealed.ts";
import { secretWords } from "../../provider/redaction.ts";
import { Unknown } from "../../terraform/value.ts";
import { UNKNOWN } from "../../provider/provider.ts";

/** With secrets open, and what is not known yet as Terraform has it. */
export function opened(declared: unknown, keyring: Keyring): unknown {
  if (declared === UNKNOWN) return new Unknown();
  if (isSealed(declared)) return keyring.open(declared);
  if (typeof declared !== "object" || declared === null) return declared;
  if (Array.isArray(declared)) return declared.map((item: unknown) => opened(item, keyring));
  return Object.fromEntries(
    Object.entries(declared).map(([name, member]) => [name, opened(member, keyring)]),
  );
}

/** Every secret in it, and the words in those by which they would be known. */
export function secretsWithin(declared: unknown, keyring: Keyring): readonly string[] {
  if (isSealed(declared)) {
    const value = keyring.open(declared);
    return [...new Set([value, ...secretWords(value)])].filter((word) => word.length >= 4);
  }
  if (typeof declared !== "object" || declared === null) return [];
  return Object.values(declared).flatMap((member: unknown) => secretsWithin(member, keyring));
}
