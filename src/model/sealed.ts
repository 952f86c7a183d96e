/**
 * Secrets as opaque text. A secret's value is sealed when it enters the control plane and opened at the last moment
 * (when a process is started, when somebody with access asks for that Secret); in between, in the store, plans, events,
 * statuses and errors, only the sealed text exists (I10).
 *
 * AES-256-GCM with a key that lives outside the store. The nonce is an HMAC of the value under a second key, as in
 * misuse-resistant schemes with a synthetic initialisation vector (RFC 5297): the same value always seals to the same
 * text, so that diffs, hashes and no-op detection work without opening anything. What leaks, to who can read the store,
 * is that two secrets are equal.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { refuse } from "../diagnostics/diagnostic.ts";

const PREFIX = "sealed:v1:";

export function isSealed(value: unknown): value is string {
  return typeof value === "string" && value.startsWith(PREFIX);
}

export function containsSealed(value: unknown): boolean {
  if (typeof value === "string") return value.includes(PREFIX);
  if (typeof value !== "object" || value === null) return false;
  // Asked of everything that is shown: no list of the members is made.
  for (const name in value)
    if (Object.hasOwn(value, name) && containsSealed((value as Record<string, unknown>)[name])) return true;
  return false;
}

/** Whether a value may hold something sealed, by its JSON: no character of the mark is written in another way there. */
export function mayContainSealed(json: string): boolean {
  return json.includes(PREFIX);
}

export class Keyring {
  readonly #cipherKey: Buffer;
  readonly #nonceKey: Buffer;
  readonly #derivationKey: Buffer;

  /** `master`: 32 random bytes. */
  constructor(master: Uint8Array) {
    if (master.length !== 32) throw new RangeError("A master key has 32 bytes.");
    this.#cipherKey = Buffer.from(hkdfSync("sha256", master, "", "tutti/seal", 32));
    this.#nonceKey = Buffer.from(hkdfSync("sha256", master, "", "tutti/nonce", 32));
    this.#derivationKey = Buffer.from(hkdfSync("sha256", master, "", "tutti/derive", 32));
  }

  /** Sealing what is sealed already gives it back unchanged. */
  seal(value: string): string {
    if (isSealed(value)) return value;
    const nonce = createHmac("sha256", this.#nonceKey).update(value).digest().subarray(0, 12);
    const cipher = createCipheriv("aes-256-gcm", this.#cipherKey, nonce);
    const body = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
    return PREFIX + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
  }

  /**
   * A password for a purpose, the same each time: it need not be recorded before it is used, so no crash can lose it.
   * 192 bits, letters and digits and - and _.
   */
  derive(purpose: string): string {
    return createHmac("sha256", this.#derivationKey)
      .update(purpose)
      .digest()
      .subarray(0, 24)
      .toString("base64url");
  }

  /** Refuses with UnreadableSecret when the text was sealed with another key or was changed. */
  open(sealed: string): string {
    const bytes = Buffer.from(sealed.slice(PREFIX.length), "base64url");
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#cipherKey, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
    } catch {
      return refuse({
        code: "UnreadableSecret",
        message: "A sealed value cannot be opened with this control plane's key.",
        hint: "Restore the file 'key' of the state folder that sealed it, or set the secret again.",
      });
    }
  }

  /** Every sealed string within `value` opened; the rest as it is. */
  openAll<T>(value: T): T {
    if (isSealed(value)) return this.open(value) as T;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item: unknown) => this.openAll(item)) as T;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.openAll(member as unknown)]),
    ) as T;
  }
}
