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
    const given = tokenIn(request.headers.authorization ?? "");
    if (given !== "" && timingSafeEqual(digest(given), expected)) return "user:admin";
    throw new StatusError(
      401,
      "Unauthorized",
      "Unauthorized: send the token of this control plane as 'Authorization: Bearer <token>'.",
    );
  };
}

/** Of clients that know user and password only (promtool 2.42, `curl -u`) it is the password; the user may be any. */
function tokenIn(authorization: string): string {
  const [scheme = "", given = ""] = authorization.split(" ", 2);
  if (scheme.toLowerCase() === "bearer") return given;
  if (scheme.toLowerCase() !== "basic") return "";
  const pair = Buffer.from(given, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
