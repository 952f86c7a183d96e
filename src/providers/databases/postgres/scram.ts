import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5803): a server that is given the verifier never sees the
 * password, so no statement, log line or error of it can hold one.
 */
const iterations = 4096;

export function scramVerifier(
  password: string,
  salt: Buffer = randomBytes(16),
  rounds: number = iterations,
): string {
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, rounds, 32, "sha256");
  const stored = createHash("sha256")
    .update(createHmac("sha256", salted).update("Client Key").digest())
    .digest("base64");
  const server = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${rounds}:${salt.toString("base64")}$${stored}:${server}`;
}

/** Whether `verifier` was made from `password`; false for anything that is no SCRAM-SHA-256 verifier. */
export function matchesVerifier(password: string, verifier: string): boolean {
  const match = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$/.exec(verifier);
  if (match === null) return false;
  const expected = Buffer.from(scramVerifier(password, Buffer.from(match[2]!, "base64"), Number(match[1])));
  const given = Buffer.from(verifier);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
