/**
 * Strict incremental parser of HTTP/1.1 responses (RFC 9112), one instance a connection.
 *
 * Job: find where each response ends and refuse every response about whose end two parties could disagree.
 * Owns nothing but its position. Bytes go in through `execute`, events come out through the sink.
 *
 *   head -> (length | chunk-size <-> chunk-data -> chunk-end ... -> trailer | close) -> done
 *
 * Invariants
 *  P1 However the bytes are cut into calls, the events carry the same content.
 *  P2 A body chunk is a view into the caller's buffer and valid only during the call.
 *  P3 Nothing is buffered but an incomplete head or line, and those are bounded.
 *  P4 Bytes after the end of a response make the connection unfit for reuse (nobody asked for them).
 */
import { LIMITS } from "./limits.ts";

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** End-to-end fields, flat: name, value, name, value. Hop-by-hop fields are gone. */
  readonly headers: readonly string[];
  /** Value of Upgrade, on 101 only. */
  readonly upgrade: string | undefined;
}

export interface ResponseSink {
  /** 1xx other than 101. */
  onInformational(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** `last` says that the response ends with this chunk; `onEnd` follows all the same. */
  onBody(chunk: Buffer, last: boolean): void;
  onEnd(): void;
}

export class MalformedResponse extends Error {
  override readonly name = "MalformedResponse";
}

type State = "head" | "length" | "chunk-size" | "chunk-data" | "chunk-end" | "trailer" | "close" | "done";

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const DIGITS = /^\d{1,15}$/;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const LONGEST_LINE = 4096;

/** Fields of one response that decide about its framing, gathered while its head is read. */
interface Framing {
  length: number | undefined;
  chunked: boolean;
  connection: string;
  upgrade: string | undefined;
}

export class ResponseParser {
  readonly #sink: ResponseSink;
  #state: State = "done";
  #partial = "";
  #remaining = 0;
  #headRequest = false;
  #persistent = true;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** Gets ready for the response to a request that was just sent. */
  expect(method: string): void {
    this.#state = "head";
    this.#partial = "";
    this.#headRequest = method === "HEAD";
    this.#persistent = true;
  }

  /** Whether the connection may carry another request after this response. */
  get persistent(): boolean {
    return this.#persistent;
  }

  /** Whether a response is expected or under way. */
  get busy(): boolean {
    return this.#state !== "done";
  }

  /**
   * Takes the next bytes. Returns how many were used: fewer than given only after a 101, whose rest belongs to
   * the new protocol.
   * @throws {MalformedResponse} when the bytes are no strict HTTP/1.1 response; the connection is of no more use.
   */
  execute(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === "done") {
        this.#persistent = false; // P4
        return at;
      }
      at = this.#step(bytes, at);
    }
    return at;
  }

  /**
   * The member closed the connection. Returns true when that is how the response ends properly.
   */
  finish(): boolean {
    if (this.#state !== "close") return false;
    this.#end();
    return true;
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes, at);
      case "length":
        return this.#readLength(bytes, at);
      case "chunk-data":
        return this.#readChunkData(bytes, at);
      case "close":
        this.#sink.onBody(at === 0 ? bytes : bytes.subarray(at), false);
        return bytes.length;
      default:
        return this.#readLine(bytes, at);
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const seen = this.#partial.length;
    if (seen === 0) {
      const end = bytes.indexOf("\r\n\r\n", at, "latin1");
      if (end >= 0) {
        this.#head(bytes.toString("latin1", at, end));
        return this.#afterHead(bytes, end + 4);
      }
    }
    this.#partial += bytes.toString("latin1", at, bytes.length);
    const end = this.#partial.indexOf("\r\n\r\n", Math.max(0, seen - 3));
    if (end < 0) {
      if (this.#partial.length > LIMITS.responseHeaderBytes)
        throw new MalformedResponse("the response's head is too long");
      return bytes.length;
    }
    const head = this.#partial.slice(0, end);
    this.#partial = "";
    this.#head(head);
    return this.#afterHead(bytes, at + end + 4 - seen);
  }

  /** A response without a body ends with its head; what follows must then be judged by P4. */
  #afterHead(bytes: Buffer, at: number): number {
    if (this.#state === "done" && at < bytes.length) this.#persistent = false;
    if (this.#state === "done") this.#sink.onEnd();
    return at;
  }

  #head(text: string): void {
    if (text.length > LIMITS.responseHeaderBytes)
      throw new MalformedResponse("the response's head is too long");
    const lineEnd = text.indexOf("\r\n");
    const line = STATUS_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
    if (line === null) throw new MalformedResponse("the response has no HTTP/1.1 status line");
    const framing: Framing = { length: undefined, chunked: false, connection: "", upgrade: undefined };
    const headers = lineEnd < 0 ? [] : readFields(text, lineEnd + 2, framing);
    const status = Number(line[2]);
    const head: ResponseHead = {
      status,
      reason: line[3] ?? "",
      headers,
      upgrade: status === 101 ? framing.upgrade : undefined,
    };
    if (status >= 100 && status < 200 && status !== 101) {
      this.#sink.onInformational(head);
      return; // The state stays "head": the final response follows.
    }
    this.#persistent = isPersistent(line[1] === "1", framing.connection);
    this.#state = this.#bodyState(status, framing, line[1] === "1");
    this.#sink.onHead(head);
  }

  /** RFC 9112 §6.3, in its order. */
  #bodyState(status: number, framing: Framing, isHttp11: boolean): State {
    if (framing.chunked && (framing.length !== undefined || !isHttp11))
      throw new MalformedResponse("the response has conflicting Transfer-Encoding and Content-Length");
    if (status === 101) this.#persistent = false;
    if (this.#headRequest || status === 204 || status === 304 || status === 101) return "done";
    if (framing.chunked) return "chunk-size";
    if (framing.length === undefined) {
      this.#persistent = false;
      return "close";
    }
    this.#remaining = framing.length;
    return framing.length === 0 ? "done" : "length";
  }

  #readLength(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    const last = this.#remaining === 0;
    if (last && end < bytes.length) this.#persistent = false; // P4
    this.#sink.onBody(bytes.subarray(at, end), last);
    if (last) this.#end();
    return end;
  }

  #readChunkData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    this.#sink.onBody(bytes.subarray(at, end), false);
    if (this.#remaining === 0) this.#state = "chunk-end";
    return end;
  }

  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(10, at);
    this.#partial += bytes.toString("latin1", at, end < 0 ? bytes.length : end);
    if (this.#partial.length > LONGEST_LINE)
      throw new MalformedResponse("a line of the chunked response is too long");
    if (end < 0) return bytes.length;
    const line = this.#partial;
    this.#partial = "";
    if (!line.endsWith("\r")) throw new MalformedResponse("a line of the chunked response ends without CR");
    this.#line(line.slice(0, -1), end + 1 < bytes.length);
    return end + 1;
  }

  #line(line: string, moreFollows: boolean): void {
    if (this.#state === "chunk-end") {
      if (line !== "") throw new MalformedResponse("a chunk is longer than its size");
      this.#state = "chunk-size";
    } else if (this.#state === "chunk-size") {
      const size = CHUNK_SIZE.exec(line);
      if (size === null) throw new MalformedResponse("a chunk has no valid size");
      this.#remaining = Number.parseInt(size[1] ?? "", 16);
      this.#state = this.#remaining === 0 ? "trailer" : "chunk-data";
    } else if (line === "") {
      if (moreFollows) this.#persistent = false; // P4
      this.#end();
    }
    // A trailer field is dropped, as RFC 9110 §6.5.1 allows an intermediary.
  }

  #end(): void {
    this.#state = "done";
    this.#sink.onEnd();
  }
}

function isPersistent(isHttp11: boolean, connection: string): boolean {
  if (connection === "") return isHttp11;
  const tokens = connection.toLowerCase().split(",");
  if (tokens.some((token) => token.trim() === "close")) return false;
  return isHttp11 || tokens.some((token) => token.trim() === "keep-alive");
}

/** Reads field lines; returns the end-to-end ones and notes those about framing. */
function readFields(text: string, from: number, framing: Framing): string[] {
  const headers: string[] = [];
  let at = from;
  while (at <= text.length) {
    let end = text.indexOf("\r\n", at);
    if (end < 0) end = text.length;
    const colon = text.indexOf(":", at);
    if (colon < 0 || colon > end)
      throw new MalformedResponse("the response has a header line without a colon");
    const name = text.slice(at, colon);
    const value = text.slice(colon + 1, end).trim();
    // A leading blank (obs-fold) and a blank before the colon are no token characters.
    if (!TOKEN.test(name) || BAD_VALUE.test(value))
      throw new MalformedResponse("the response has an invalid header field");
    if (!noteFraming(name, value, framing)) headers.push(name, value);
    at = end + 2;
  }
  return framing.connection === "" ? headers : withoutNominated(headers, framing.connection);
}

/** Lengths of the names in `NOTES`: most fields are told apart by length alone, without changing their case. */
const NOTED_LENGTHS = new Set([7, 10, 14, 16, 17]);

/** Notes a field about framing or the connection; true when it must not be forwarded. */
function noteFraming(name: string, value: string, framing: Framing): boolean {
  if (!NOTED_LENGTHS.has(name.length)) return false;
  const note = NOTES.get(name.toLowerCase());
  if (note === undefined) return false;
  note(framing, value);
  return note !== noteLength;
}

function noteLength(framing: Framing, value: string): void {
  if (framing.length !== undefined || !DIGITS.test(value))
    throw new MalformedResponse("the response has an invalid Content-Length");
  framing.length = Number(value);
}

function noteCoding(framing: Framing, value: string): void {
  if (framing.chunked || value.toLowerCase() !== "chunked")
    throw new MalformedResponse("the response has a Transfer-Encoding other than chunked");
  framing.chunked = true;
}

const ignore = (): void => undefined;

const NOTES: ReadonlyMap<string, (framing: Framing, value: string) => void> = new Map([
  ["content-length", noteLength],
  ["transfer-encoding", noteCoding],
  [
    "connection",
    (framing: Framing, value: string): void => {
      framing.connection = framing.connection === "" ? value : `${framing.connection},${value}`;
    },
  ],
  [
    "upgrade",
    (framing: Framing, value: string): void => {
      framing.upgrade = value;
    },
  ],
  ["keep-alive", ignore],
  ["trailer", ignore],
  ["proxy-connection", ignore],
]);

/** Drops the fields that Connection names (RFC 9110 §7.6.1), but never the one about framing. */
function withoutNominated(headers: string[], connection: string): string[] {
  const nominated = new Set(
    connection
      .toLowerCase()
      .split(",")
      .map((token) => token.trim()),
  );
  for (const usual of ["keep-alive", "close", "upgrade", "content-length", ""]) nominated.delete(usual);
  if (nominated.size === 0) return headers;
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    if (!nominated.has(name.toLowerCase())) kept.push(name, headers[index + 1] ?? "");
  }
  return kept;
}
