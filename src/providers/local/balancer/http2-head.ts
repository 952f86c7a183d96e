/**
 * What an HTTP/2 request may not say on its way to an HTTP/1.1 member: pure.
 *
 * HTTP/2 frames its messages in binary, so a line break, a length or a coding in a field is only text there, but would be
 * structure once it is written as HTTP/1.1 (request smuggling by translation). Node's library refuses most of this by itself and
 * leaves the rest out; here is all of it, since everything behind relies on it (RFC 9113 §8.2, §8.3).
 */
import { FIELD_VALUE, TOKEN } from "./header-rules.ts";

const PSEUDO = new Set([":method", ":scheme", ":authority", ":path"]);
/** Fields about a connection: HTTP/2 has none of them. */
const CONNECTION = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** What is wrong with the fields (flat: name, value, pseudo fields first), or undefined. */
export function http2Problem(fields: readonly string[]): string | undefined {
  const pseudo = new Map<string, string>();
  let isRegular = false;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    if (!FIELD_VALUE.test(value) || value !== value.trim()) return "a value that HTTP/1.1 cannot carry";
    if (!name.startsWith(":")) {
      isRegular = true;
      const problem = fieldProblem(name, value);
      if (problem !== undefined) return problem;
    } else if (isRegular || !PSEUDO.has(name) || pseudo.has(name)) return "an unexpected pseudo field";
    else pseudo.set(name, value);
  }
  return isWhole(pseudo) ? undefined : "a path that is none";
}

function fieldProblem(name: string, value: string): string | undefined {
  if (!TOKEN.test(name) || name !== name.toLowerCase()) return "a name that is no field name";
  const isTrailers = value.toLowerCase() === "trailers";
  return CONNECTION.has(name) || (name === "te" && !isTrailers) ? "a field about the connection" : undefined;
}

function isWhole(pseudo: ReadonlyMap<string, string>): boolean {
  const path = pseudo.get(":path") ?? "";
  return path.startsWith("/") || (path === "*" && pseudo.get(":method") === "OPTIONS");
}
