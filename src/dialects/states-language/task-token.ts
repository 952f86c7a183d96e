/** Names a task that waits for an answer from outside: which execution, which of its commands. Opaque to everybody else. */

export function taskToken(execution: string, id: string): string {
  return Buffer.from(JSON.stringify([execution, id])).toString("base64url");
}

/** Undefined where the text is no token. */
export function readTaskToken(
  token: string,
): { readonly execution: string; readonly id: string } | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown;
    if (!Array.isArray(parsed)) return undefined;
    const [execution, id] = parsed as readonly unknown[];
    return typeof execution === "string" && typeof id === "string" ? { execution, id } : undefined;
  } catch {
    return undefined;
  }
}
