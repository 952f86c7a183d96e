/**
 * Signature Version 4, as the vendor's clients sign their requests: HMAC-SHA256 over the method, path, query, signed headers and
 * the hash of the body. The secret access key is the control plane's token; the access key id may be any.
 * (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const ALGORITHM = "AWS4-HMAC-SHA256";
/** How far the clocks of client and server may be apart, milliseconds. */
const SKEW = 5 * 60_000;

export interface SignedRequest {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

interface Authorization {
  readonly scope: readonly [date: string, region: string, service: string, end: string];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export function isSigned(headers: Readonly<Record<string, string | readonly string[] | undefined>>): boolean {
  const { authorization } = headers;
  return typeof authorization === "string" && authorization.startsWith(`${ALGORITHM} `);
}

/** Why the signature is not good; undefined when it is. `now`: milliseconds since the epoch. */
export function signatureProblem(request: SignedRequest, secret: string, now: number): string | undefined {
  const given = authorizationIn(request.headers["authorization"] ?? "");
  if (given === undefined) return "The Authorization header is not complete.";
  const time = request.headers["x-amz-date"] ?? "";
  const at = timeOf(time);
  if (at === undefined || !time.startsWith(given.scope[0]))
    return "The X-Amz-Date header is no time of the signature's day.";
  if (Math.abs(now - at) > SKEW)
    return `Signature expired: ${time} is more than 5 minutes away from now; set the clock.`;
  if (!given.signedHeaders.includes("host")) return "The Host header is not signed.";
  const expected = signatureOf(request, given, secret, time);
  const isSame =
    expected.length === given.signature.length &&
    timingSafeEqual(Buffer.from(expected), Buffer.from(given.signature));
  return isSame
    ? undefined
    : "The request signature we calculated does not match the signature you provided: the secret access key is the token of this control plane.";
}

function authorizationIn(text: string): Authorization | undefined {
  const fields = new Map(
    text
      .slice(ALGORITHM.length)
      .split(",")
      .map((field) => {
        const [name = "", ...value] = field.trim().split("=");
        return [name, value.join("=")] as const;
      }),
  );
  const scope = (fields.get("Credential") ?? "").split("/").slice(-4);
  const signature = fields.get("Signature") ?? "";
  const signedHeaders = (fields.get("SignedHeaders") ?? "").split(";");
  if (scope.length !== 4 || scope[3] !== "aws4_request" || !/^[0-9a-f]{64}$/.test(signature))
    return undefined;
  return { scope: scope as unknown as Authorization["scope"], signedHeaders, signature };
}

/** `20150830T123600Z`. */
function timeOf(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? undefined : at;
}

export function signatureOf(
  request: SignedRequest,
  { scope, signedHeaders }: Pick<Authorization, "scope" | "signedHeaders">,
  secret: string,
  time: string,
): string {
  const canonical = [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    ...signedHeaders.map((name) => `${name}:${(request.headers[name] ?? "").trim().replaceAll(/ +/g, " ")}`),
    "",
    signedHeaders.join(";"),
    hash(request.body),
  ].join("\n");
  const text = [ALGORITHM, time, scope.join("/"), hash(canonical)].join("\n");
  let key: Buffer | string = `AWS4${secret}`;
  for (const part of scope) key = createHmac("sha256", key).update(part).digest();
  return createHmac("sha256", key).update(text).digest("hex");
}

function hash(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Dots resolved; each segment, as it stands in the URL, is encoded once more. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "." && segment !== "") segments.push(encode(segment));
  }
  const isFolder = path.endsWith("/") && segments.length > 0;
  return `/${segments.join("/")}${isFolder ? "/" : ""}`;
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  return query
    .split("&")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return [encode(decoded(name)), encode(decoded(value.join("=")))] as const;
    })
    .toSorted(([one, first], [other, second]) => compare(one, other) || compare(first, second))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986: all but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
