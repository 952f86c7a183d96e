/**
 * Requests that two readers could take for different ones (request smuggling). Part of traffic-conformance.ts.
 *
 * A balancer answers 400, or passes on one request that can be read in one way only, as RFC 9112 allows for some (5.2,
 * 6.1); then it closes the connection. What is hidden behind such a request is never passed on.
 */
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { HOST, type Traffic, say } from "./traffic-conformance-kit.ts";

const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

/** Refused: with 400 (or 501 for a coding that is not known), and nothing of it passed on as a whole. */
const refused: readonly (readonly [title: string, request: string])[] = [
  [
    "two different lengths",
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\nabcd${HIDDEN}`,
  ],
  [
    "a list of lengths that differ",
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 4\r\n\r\nabcd${HIDDEN}`,
  ],
  ["a length that is no number", `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd${HIDDEN}`],
  ["a length in hexadecimal", `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd${HIDDEN}`],
  [
    "a chunk size that is no number",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcd\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "a chunk size with a sign",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nabcd\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "a chunk size too large for any number",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff4\r\nabcd\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "a chunk that does not end where it says",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcdef\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "a blank before the colon",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ["a header without a name", `GET / HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n${HIDDEN}`],
  ["a zero byte in a header", `GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n${HIDDEN}`],
  ["a bare CR in a header", `GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rX-B: b\r\n\r\n${HIDDEN}`],
  ["two hosts that differ", `GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${HIDDEN}`],
  ["blanks in the target", `GET /a b HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
];

/** Refused, or made plain. */
const ambiguous: readonly (readonly [title: string, request: string])[] = [
  [
    "both a length and chunks",
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "both, the other way round",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "the same length twice",
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd${HIDDEN}`,
  ],
  ["a folded header", `GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\nConnection: close\r\n\r\n${HIDDEN}`],
  [
    "a coding that is folded away",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\nConnection: close\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    "a coding of another name",
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd${HIDDEN}`,
  ],
];

export function safety(traffic: Traffic): void {
  describe("of a request with", () => {
    it.each(refused)("%s, nothing is passed on", async (_title, request) => {
      const { answer, passed } = await outcome(traffic, request);
      expect(answer).toMatch(/^HTTP\/1\.[01] (400|501) /);
      expect(passed).not.toContain("/hidden");
      // A head may be on its way before its body turns out to be bad: then the member never gets the body's end.
      expect(passed).not.toMatch(/\r\n0\r\n\r\n$/);
    });

    it.each(ambiguous)("%s, at most one plain request is passed on", async (_title, request) => {
      const { answer, passed } = await outcome(traffic, request);
      expect(passed).not.toContain("/hidden");
      if (/^HTTP\/1\.[01] (400|411|501) /.test(answer)) return expect(passed).toBe("");
      expect(answer).toMatch(/^HTTP\/1\.[01] 200 /);
      const head = passed.slice(0, passed.indexOf("\r\n\r\n") + 2);
      expect(head.match(/\r\n(content-length|transfer-encoding) *:/gi)?.length ?? 0).toBeLessThan(2);
      expect(head).not.toMatch(/\r\n[ \t]/);
    });
  });
}

/** What the client is answered, and every byte that the member is sent. */
async function outcome(
  traffic: Traffic,
  request: string,
): Promise<{ readonly answer: string; readonly passed: string }> {
  let passed = "";
  const member = createServer((socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      passed += chunk.toString("latin1");
      if (isWhole(text)) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    });
  });
  const front = await traffic.front({ retries: 0, routes: [{ timeout: "5s", service: "web" }] });
  await front.members([{ id: "m", host: HOST, port: await traffic.listen(member), state: "ready" }]);
  // The connection stays open on this side: who waits for the end of a bad request would wait for ever.
  const answer = await say(front.port(), request);
  return { answer, passed };
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const head = text.slice(0, end);
  const body = text.slice(end + 4);
  if (/\r\ntransfer-encoding *: *chunked/i.test(head)) return body.endsWith("0\r\n\r\n");
  return body.length >= Number(/\r\ncontent-length *: *(\d+)/i.exec(head)?.[1] ?? 0);
}
