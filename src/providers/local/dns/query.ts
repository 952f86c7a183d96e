/**
 * Reads a question from its bytes. dns-packet is used to write answers but not to read questions: it follows
 * compression pointers without bound, and a datagram of 600 bytes could keep it busy for a quarter of a second. A
 * question needs none of that: one name, its type and class, and perhaps an OPT record (RFC 6891). So this reads just
 * those, in one pass over the bytes.
 */
export interface Query {
  /** The question section as it came, to be repeated in the answer. */
  readonly question: Buffer;
  /** As asked, without the last dot; undefined when a label holds bytes that no name of ours can have. */
  readonly name: string | undefined;
  readonly type: string;
  readonly inInternet: boolean;
  readonly edns: { readonly udpBytes: number; readonly version: number } | undefined;
}

export const headerBytes = 12;
const optType = 41;
const longestName = 255;
const mostAdditionals = 4;
const types: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  251: "IXFR",
  252: "AXFR",
  255: "ANY",
  257: "CAA",
};

/** Undefined for anything that is not one well-formed question. */
export function readQuery(bytes: Buffer): Query | undefined {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || additionals! > mostAdditionals) return undefined;
  const name = readName(bytes, headerBytes);
  if (name === undefined || name.end + 4 > bytes.length) return undefined;
  const end = name.end + 4;
  const edns = authorities === 0 ? readAdditionals(bytes, end, additionals!) : "none"; // IXFR puts its own SOA there
  if (edns === undefined) return undefined;
  const type = bytes.readUInt16BE(name.end);
  const recordClass = bytes.readUInt16BE(name.end + 2);
  return {
    question: bytes.subarray(headerBytes, end),
    name: name.plain ? name.text : undefined,
    type: types[type] ?? `TYPE${type}`,
    inInternet: recordClass === 1 || recordClass === 255,
    edns: edns === "none" ? undefined : edns,
  };
}

interface ReadName {
  readonly text: string;
  readonly plain: boolean;
  /** Offset of the first byte after the name. */
  readonly end: number;
}

/** Labels up to the empty one; a compression pointer has nothing to point at in a question. */
function readName(bytes: Buffer, start: number): ReadName | undefined {
  const labels: string[] = [];
  for (let at = start; at < bytes.length && at - start < longestName;) {
    const length = bytes[at]!;
    if (length === 0)
      return { text: labels.join("."), plain: labels.every((label) => /^[\w*-]+$/.test(label)), end: at + 1 };
    if (length > 63) return undefined;
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return undefined;
}

function readAdditionals(
  bytes: Buffer,
  start: number,
  count: number,
): NonNullable<Query["edns"]> | "none" | undefined {
  let edns: NonNullable<Query["edns"]> | "none" = "none";
  let at = start;
  for (let index = 0; index < count; index++) {
    const name = readName(bytes, at);
    if (name === undefined || name.end + 10 > bytes.length) return undefined;
    if (bytes.readUInt16BE(name.end) === optType) {
      if (edns !== "none" || name.text !== "") return undefined; // one, at the root
      edns = { udpBytes: bytes.readUInt16BE(name.end + 2), version: bytes[name.end + 5]! };
    }
    at = name.end + 10 + bytes.readUInt16BE(name.end + 8);
    if (at > bytes.length) return undefined;
  }
  return edns;
}
