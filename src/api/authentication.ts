/** Who asks. There is one token so far: that of the person whose control plane it is. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { StatusError } from "./status-error.ts";

export type Authenticate = (request: IncomingMessage) => string;

/**
 * Gives the actor of a request (`user:admin`) or refuses with Unauthorized. Compares digests, so that the time taken
 * tells neither the token's length nor how much of it was right.
 */
export function tokenAuthentication(token: string): Authenticate {
  const expected = digest(token);
  return (request) => {
    const [scheme = "", given = ""] = (request.headers.authorization ?? "").split(" ", 2);
    if (scheme.toLowerCase() === "bearer" && given !== "" && timingSafeEqual(digest(given), expected))
      return "user:admin";
    throw new StatusError(
      401,
      "Unauthorized",
      "Unauthorized: send the token of this control plane as 'Authorization: Bearer <token>'.",
    );
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
