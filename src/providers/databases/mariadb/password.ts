import { createHash } from "node:crypto";

/**
 * What MariaDB stores of a password (mysql_native_password): a server that is given it never sees the password, so no
 * log of it can hold one. The derived passwords are long and random, which is what the plain digest asks for.
 */
export function passwordHash(password: string): string {
  const first = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(first).digest("hex").toUpperCase()}`;
}
