/**
 * Who asks. There is one token so far: that of the person whose control plane it is. Who has it may act as somebody else, as
 * Kubernetes knows it: `Impersonate-User`, `Impersonate-Group` (`kubectl --as maria --as-group release`).
 */
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
    if (given !== "" && timingSafeEqual(digest(given), expected)) return actorOf(request);
    throw new StatusError(
      401,
      "Unauthorized",
      "Unauthorized: send the token of this control plane as 'Authorization: Bearer <token>'.",
    );
  };
}

function actorOf(request: IncomingMessage): string {
  const given = request.headers["impersonate-user"];
  if (given === undefined || given === "") return "user:admin";
  if (Array.isArray(given) || given.length > 200 || !/^[\w.@:+-]+$/.test(given))
    throw new StatusError(400, "BadRequest", "Impersonate-User: it must be the name of one user.");
  return `user:${given}`;
}

/** Those that the request says its user is in. */
export function groupsOf(request: IncomingMessage): readonly string[] {
  const given = request.headersDistinct["impersonate-group"] ?? [];
  return given.filter((group) => group !== "" && group.length <= 200);
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
