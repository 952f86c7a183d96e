import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedResponse, ResponseParser, type ResponseHead } from "./response-parser.ts";

interface Parsed {
  readonly heads: ResponseHead[];
  readonly interim: number[];
  body: string;
  ended: number;
  persistent: boolean;
}

/** Parses bytes cut at the given places, then closes. */
function parse(text: string, cuts: readonly number[] = [], method = "GET"): Parsed {
  const result: Parsed = { heads: [], interim: [], body: "", ended: 0, persistent: false };
  const parser = new ResponseParser({
    onInformational: (head) => result.interim.push(head.status),
    onHead: (head) => result.heads.push(head),
    onBody: (chunk) => (result.body += chunk.toString("latin1")),
    onEnd: () => (result.ended += 1),
  });
  parser.expect(method);
  const bytes = Buffer.from(text, "latin1");
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let index = 1; index < places.length; index += 1)
    parser.execute(bytes.subarray(places[index - 1], places[index]));
  result.persistent = parser.persistent;
  parser.finish();
  return result;
}

const body = fc.string({ unit: fc.constantFrom("a", "\r", "\n", "0", "\u00ff"), maxLength: 60 });
const chunked = fc
  .array(
    body.filter((one) => one !== ""),
    { maxLength: 5 },
  )
  .map((chunks) => ({
    text: `HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.map((one) => `${one.length.toString(16)};e=1\r\n${one}\r\n`).join("")}0\r\nX-T: u\r\n\r\n`,
    body: chunks.join(""),
  }));
const sized = body.map((one) => ({
  text: `HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: ${one.length}\r\n\r\n${one}`,
  body: one,
}));
const closed = body.map((one) => ({ text: `HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n${one}`, body: one }));

const REFUSED = [
  ["both framings", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a second Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"],
  ["a signed Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
  ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n"],
  ["a bare LF", "HTTP/1.1 200 OK\r\nX-A: b\nX-B: c\r\n\r\n"],
  ["a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n"],
  ["no status line", "HTTP/2 200\r\n\r\n"],
  ["leading line ends", "\r\nHTTP/1.1 200 OK\r\n\r\n"],
  ["a chunk size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n"],
  ["a chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"],
  ["a chunk size ended by LF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n"],
  ["an endless head", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}`],
  ["an endless chunk size", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"0".repeat(5_000)}`],
] as const;

describe("response parser", () => {
  it("reads the same from every cut of the bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(chunked, sized, closed),
        fc.array(fc.nat(), { maxLength: 20 }),
        (message, cuts) => {
          const result = parse(message.text, cuts);
          expect(result).toMatchObject({ body: message.body, ended: 1, interim: [] });
          expect(result.heads[0]?.headers.slice(0, 2)).toEqual(["X-A", "b"]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each(REFUSED)("refuses %s", (_title, text) => {
    expect(() => parse(text)).toThrow(MalformedResponse);
    expect(() =>
      parse(
        text,
        Array.from({ length: text.length }, (_, index) => index),
      ),
    ).toThrow(MalformedResponse);
  });

  it("never fails otherwise than by refusing", () => {
    const piece = fc.constantFrom(
      "HTTP/1.1 ",
      "200 OK",
      "\r\n",
      "\r\n\r\n",
      "Content-Length: ",
      "3",
      "Transfer-Encoding: chunked",
      "abc",
      "0",
      "\n",
      ":",
      "\0",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 20 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        (pieces, cuts) => {
          try {
            expect(parse(pieces.join(""), cuts).ended).toBeLessThanOrEqual(1);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedResponse);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("reads interim responses before the final one", () => {
    const result = parse(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    );
    expect(result).toMatchObject({ interim: [100, 103], ended: 1, persistent: true });
  });

  it("expects no body after HEAD, 204 and 304", () => {
    expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", [], "HEAD")).toMatchObject({
      ended: 1,
      persistent: true,
    });
    expect(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")).toMatchObject({
      ended: 1,
      persistent: true,
    });
  });

  it("gives up a connection on which more came than was asked for", () => {
    expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n")).toMatchObject({
      ended: 1,
      persistent: false,
    });
    expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx")).toMatchObject({
      ended: 1,
      persistent: false,
    });
    expect(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx")).toMatchObject({
      ended: 1,
      persistent: false,
    });
  });

  it("keeps hop-by-hop fields to itself", () => {
    const [head] = parse(
      "HTTP/1.1 200 OK\r\nConnection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n",
    ).heads;
    expect(head?.headers).toEqual(["X-End", "2", "Content-Length", "0"]);
  });
});
