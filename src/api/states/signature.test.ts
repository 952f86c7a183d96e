/** Signature Version 4: the vendor's own examples (aws-sig-v4-test-suite), and what is refused. */
import { expect, test } from "vitest";
import { type SignedRequest, signatureOf, signatureProblem } from "./signature.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TIME = "20150830T123600Z";
const NOW = Date.parse("2015-08-30T12:36:00Z");
const scope = ["20150830", "us-east-1", "service", "aws4_request"] as const;

function request(given: Partial<SignedRequest> = {}): SignedRequest {
  return {
    method: "GET",
    path: "/",
    query: "",
    headers: { host: "example.amazonaws.com", "x-amz-date": TIME },
    body: new Uint8Array(),
    ...given,
  };
}

const signedHeaders = ["host", "x-amz-date"];

test.each([
  ["get-vanilla", request(), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    "get-vanilla-query-order-key-case",
    request({ query: "Param2=value2&Param1=value1" }),
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "post-vanilla",
    request({ method: "POST" }),
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  ],
])("%s", (_, given, expected) => {
  expect(signatureOf(given, { scope, signedHeaders }, SECRET, TIME)).toBe(expected);
});

function signed(given: SignedRequest = request(), secret = SECRET): SignedRequest {
  const signature = signatureOf(given, { scope, signedHeaders }, secret, TIME);
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope.join("/")}, SignedHeaders=${signedHeaders.join(";")}, Signature=${signature}`;
  return { ...given, headers: { ...given.headers, authorization } };
}

test("a request that is signed with the secret is let in", () => {
  expect(signatureProblem(signed(), SECRET, NOW + 60_000)).toBeUndefined();
});

test("another secret, a changed body, path, query or signed header, and a signature of long ago are refused", () => {
  const good = signed();
  expect(signatureProblem(signed(request(), "another"), SECRET, NOW)).toContain("does not match");
  expect(signatureProblem({ ...good, body: Buffer.from("x") }, SECRET, NOW)).toContain("does not match");
  expect(signatureProblem({ ...good, path: "/a" }, SECRET, NOW)).toContain("does not match");
  expect(signatureProblem({ ...good, query: "a=b" }, SECRET, NOW)).toContain("does not match");
  expect(signatureProblem({ ...good, headers: { ...good.headers, host: "other" } }, SECRET, NOW)).toContain(
    "does not match",
  );
  expect(signatureProblem(good, SECRET, NOW + 6 * 60_000)).toContain("expired");
});

test("headers that are no signature are refused and not thrown at", () => {
  for (const authorization of [
    "AWS4-HMAC-SHA256 ",
    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=, Signature=zz",
    `AWS4-HMAC-SHA256 Credential=k/${scope.join("/")}, SignedHeaders=x-amz-date, Signature=${"0".repeat(64)}`,
  ]) {
    const headers = { ...request().headers, authorization };
    expect(signatureProblem(request({ headers }), SECRET, NOW)).toBeTypeOf("string");
  }
});
