/**
 * Secrets on their way in. `stringData` is folded into `data` as Kubernetes does, `data` is decoded from base64, and
 * every value is sealed at once, before anything else looks at it: no later step, and so no diagnostic, has the plain
 * text. Members of `generate` are made up only when a plan is carried out (`withGenerated`), so that planning stays pure
 * and the same declaration always gives the same plan.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { kindOfRoot } from "../kinds/registry.ts";
import { VALUE_ROOTS } from "../kinds/edges.ts";
import { hasExpression, referencesIn } from "../model/expression.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { type Keyring, isSealed } from "../model/sealed.ts";
import { pathText } from "../model/walk.ts";

export interface SecretDraft extends Draft {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly generate?: Readonly<Record<string, { readonly length?: number }>>;
}

/** Marks a value that is not text: its bytes follow in base64. Text that begins with the mark is marked as well. */
const BINARY = "\u0000base64:";
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export function isSecret(resource: Draft): resource is SecretDraft {
  return resource.kind === "Secret";
}

/** The bytes that an opened value of a Secret stands for. */
export function secretBytes(opened: string): Buffer {
  return opened.startsWith(BINARY)
    ? Buffer.from(opened.slice(BINARY.length), "base64")
    : Buffer.from(opened, "utf8");
}

/** Seals a value given as bytes. */
export function sealBytes(bytes: Uint8Array, keyring: Keyring): string {
  const buffer = Buffer.from(bytes);
  const text = buffer.toString("utf8");
  const isText = Buffer.from(text, "utf8").equals(buffer) && !text.startsWith(BINARY) && !isSealed(text);
  return keyring.seal(isText ? text : BINARY + buffer.toString("base64"));
}

/** A Secret as it is stored: `data` sealed, no `stringData`. Values that cannot be read are left out and reported. */
export function sealSecret(
  secret: SecretDraft,
  keyring: Keyring,
): { readonly resource: SecretDraft; readonly diagnostics: readonly Diagnostic[] } {
  const { data, stringData, ...rest } = secret;
  const diagnostics: Diagnostic[] = [];
  const address = addressOf(secret);
  const sealed: [string, string][] = [];
  for (const [name, value] of Object.entries(data ?? {})) {
    const compact = value.replace(/\s/g, "");
    if (BASE64.test(compact) && compact.length % 4 === 0) {
      sealed.push([name, sealBytes(Buffer.from(compact, "base64"), keyring)]);
    } else {
      diagnostics.push({
        severity: "error",
        code: "InvalidBase64",
        address,
        path: pathText(["data", name]),
        message: "The value is not base64.",
        hint: "Write values as they are under stringData.",
      });
    }
  }
  for (const [name, value] of Object.entries(stringData ?? {})) {
    if (refersToSomething(value)) {
      diagnostics.push({
        severity: "error",
        code: "ExpressionInSecret",
        address,
        path: pathText(["stringData", name]),
        message: "A secret's value is taken as it is; expressions in it are not evaluated.",
        hint: "Give the value itself, or put the expression where the secret is used.",
      });
    } else sealed.push([name, sealBytes(Buffer.from(value, "utf8"), keyring)]);
  }
  const folded = data === undefined && stringData === undefined ? {} : { data: Object.fromEntries(sealed) };
  return { resource: { ...rest, ...folded }, diagnostics };
}

/** A text that somebody meant as an expression, as opposed to a secret that happens to hold `${`. */
function refersToSomething(text: string): boolean {
  if (!hasExpression(text)) return false;
  try {
    return referencesIn(text).some(
      ({ root, name }) => name !== "" && (VALUE_ROOTS.has(root) || kindOfRoot(root) !== undefined),
    );
  } catch {
    return false;
  }
}

/** Members of `generate` that have no value in `data`. */
export function missingGenerated(secret: SecretDraft): readonly string[] {
  return Object.keys(secret.generate ?? {}).filter((name) => !Object.hasOwn(secret.data ?? {}, name));
}

/** `secret` with the generated values that `live` has: they are made once and then kept, whatever their length says. */
export function keepGenerated(secret: SecretDraft, live: SecretDraft | undefined): SecretDraft {
  const known = live?.data ?? {};
  const kept = missingGenerated(secret).filter((name) => Object.hasOwn(known, name));
  if (kept.length === 0) return secret;
  return {
    ...secret,
    data: { ...secret.data, ...Object.fromEntries(kept.map((name) => [name, known[name] ?? ""])) },
  };
}

/** `secret` with every value of `generate` that is still missing made up and sealed. */
export function withGenerated(
  secret: SecretDraft,
  keyring: Keyring,
  random: (size: number) => Uint8Array,
): SecretDraft {
  const missing = missingGenerated(secret);
  if (missing.length === 0) return secret;
  const made = missing.map((name) => [
    name,
    keyring.seal(password(secret.generate?.[name]?.length ?? 32, random)),
  ]);
  return { ...secret, data: { ...secret.data, ...Object.fromEntries(made) } };
}

/** Letters and digits, each equally likely: bytes beyond the last whole multiple of the alphabet are thrown away. */
function password(length: number, random: (size: number) => Uint8Array): string {
  const limit = 256 - (256 % ALPHABET.length);
  let text = "";
  while (text.length < length) {
    for (const byte of random(length)) {
      if (byte < limit && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}
