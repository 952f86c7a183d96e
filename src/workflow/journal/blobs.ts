/**
 * Large and shared texts beside the journal, by the SHA-256 of their content: definitions, and results that are too large
 * for a record.
 *
 * Invariants, which every implementation keeps (blobs.test.ts):
 * 1. What a `put` that resolved has stored survives `kill -9` and power loss, so a record may name it.
 * 2. A text is there whole or not at all; what does not match its hash is refused, never given.
 * 3. It stays as long as an owner has it. Owners are runs, and `definitions`.
 */
import { createHash } from "node:crypto";

export interface Blobs {
  /** Durable when it resolves with the hash. The same text again, also at the same time, is fine. */
  put(owner: string, text: string): Promise<string>;
  /** Refuses with BlobMissing and BlobDamaged. */
  get(hash: string): Promise<string>;
  /** The owner needs none of its texts any more; those of nobody are removed. */
  release(owner: string): Promise<void>;
}

/** `sha256:` and 64 hexadecimal digits. */
export function hashOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
