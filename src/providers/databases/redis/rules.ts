/** What accounts may do, as rules of Redis' access control lists. */
import { createHash } from "node:crypto";
import type { Access } from "../engine.ts";

/**
 * On a server of its own an account has all keys and everything but the server's administration. On one that others use
 * it has the keys and channels that begin with the database's name, and no command that reaches beyond them. SCAN and
 * DBSIZE tell names and numbers of others' keys all the same: Redis has no rule for that.
 */
export function rulesFor(access: Access, database: string, isShared: boolean): readonly string[] {
  const keys = isShared ? `${pattern(database)}:*` : "*";
  if (access === "read")
    return [
      `%R~${keys}`,
      `&${keys}`,
      "+@read",
      "+@connection",
      "-@dangerous",
      "+info",
      "+subscribe",
      "+psubscribe",
    ];
  const beyond = isShared
    ? ["-@dangerous", "+info", "+sort", "-function", "-script|flush", "-script|kill", "-randomkey"]
    : ["-@admin"];
  return [`~${keys}`, `&${keys}`, "+@all", ...beyond];
}

/** A password as the lists keep it: the password itself is never sent. It is long and random, as the digest asks for. */
export function passwordRule(password: string): string {
  return `#${createHash("sha256").update(password).digest("hex")}`;
}

/** A name taken literally where a glob-style pattern is expected. */
export function pattern(name: string): string {
  return name.replaceAll(/[\\*?[\]^]/g, String.raw`\$&`);
}
