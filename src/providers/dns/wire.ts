/** DNS messages as bytes: questions, updates (RFC 2136) and what is answered. */
import packet, { type DecodedPacket, type RecordType as AnyType } from "dns-packet";
import { type RecordType, canonicalName, parseValue } from "../../provider/dns-record-data.ts";

/** dns-packet types neither its names nor the data of its records. */
interface Codec<T> {
  encode(value: T, buffer?: Buffer, offset?: number): Buffer;
}
const { name: names, record: dataOf } = packet as unknown as {
  readonly name: Codec<string>;
  readonly record: (type: string) => Codec<unknown>;
};

const TYPES: Readonly<Record<RecordType | "SOA" | "ANY", number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
  ANY: 255,
};
const CLASSES = { IN: 1, NONE: 254, ANY: 255 } as const;
const UPDATE = 5 << 11;

export interface RecordSet {
  /** Whole, without the dot at the end. */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  readonly values: readonly string[];
}

/** What must hold for an update to be done at all (RFC 2136, 2.4), and what it does (2.5). */
export type Line =
  | { readonly is: "absent"; readonly name: string; readonly type: RecordType }
  | { readonly is: "exactly"; readonly set: Omit<RecordSet, "ttl"> };
export type Deed =
  | { readonly do: "add"; readonly set: RecordSet }
  | { readonly do: "remove"; readonly name: string; readonly type: RecordType };

/** Not compressed, in lower case. */
export function encodedName(name: string): Buffer {
  return names.encode(canonicalName(name) || ".");
}

export function question(id: number, name: string, type: RecordType | "SOA" | "AXFR"): Buffer {
  return packet.encode({
    type: "query",
    id,
    questions: [{ name, type: type as AnyType, class: "IN" }],
  });
}

export function update(
  id: number,
  zone: string,
  { only, deeds: all }: { readonly only: readonly Line[]; readonly deeds: readonly Deed[] },
): Buffer {
  const required = only.flatMap(lineRecords);
  const deeds = all.flatMap(deedRecords);
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(UPDATE, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(required.length, 6);
  header.writeUInt16BE(deeds.length, 8);
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(TYPES.SOA, 0);
  asked.writeUInt16BE(CLASSES.IN, 2);
  return Buffer.concat([header, encodedName(zone), asked, ...required, ...deeds]);
}

function lineRecords(line: Line): readonly Buffer[] {
  if (line.is === "absent") return [resourceRecord(line.name, line.type, "NONE", 0)];
  const { name, type, values } = line.set;
  return values.map((value) => resourceRecord(name, type, "IN", 0, encodedValue(type, value)));
}

function deedRecords(deed: Deed): readonly Buffer[] {
  if (deed.do === "remove") return [resourceRecord(deed.name, deed.type, "ANY", 0)];
  const { name, type, ttl, values } = deed.set;
  return values.map((value) => resourceRecord(name, type, "IN", ttl, encodedValue(type, value)));
}

function resourceRecord(
  name: string,
  type: RecordType,
  of: keyof typeof CLASSES,
  ttl: number,
  content: Buffer = Buffer.alloc(2),
): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16BE(TYPES[type], 0);
  fixed.writeUInt16BE(CLASSES[of], 2);
  fixed.writeUInt32BE(ttl, 4);
  return Buffer.concat([encodedName(name), fixed, content]);
}

/** With its length before it. Values are checked before they get here. */
export function encodedValue(type: RecordType, value: string): Buffer {
  const parsed = parseValue(type, value);
  if ("problem" in parsed) throw new RangeError(parsed.problem);
  return dataOf(type).encode(parsed.data);
}

export interface DnsAnswer {
  readonly code: string;
  readonly isAuthoritative: boolean;
  readonly answers: DecodedPacket["answers"];
  readonly authorities: DecodedPacket["authorities"];
}

/** Undefined for bytes that are no answer to this question. `tsigAt`: where the record of its signature begins. */
export function readAnswer(
  bytes: Buffer,
  id: number,
): (DnsAnswer & { readonly tsigAt: number | undefined }) | undefined {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id) return undefined;
  try {
    const decoded = packet.decode(bytes) as DecodedPacket & { readonly rcode?: string };
    if (decoded.type !== "response") return undefined;
    const code = CODES[bytes.readUInt16BE(2) & 0xf] ?? "UNKNOWN";
    const isAuthoritative = (bytes.readUInt16BE(2) & 0x0400) !== 0;
    const { answers, authorities } = decoded;
    return { code, isAuthoritative, answers, authorities, tsigAt: lastRecordAt(bytes) };
  } catch {
    return undefined;
  }
}

/** RFC 1035, 4.1.1, and RFC 2136, 2.2. */
const CODES = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
] as const;

/** A signature is the last record of all (RFC 8945, 5.1). */
function lastRecordAt(bytes: Buffer): number | undefined {
  const questions = bytes.readUInt16BE(4);
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  if (bytes.readUInt16BE(10) === 0) return undefined;
  let at = 12;
  for (let passed = 0; passed < questions; passed += 1) at = afterName(bytes, at) + 4;
  for (let passed = 1; passed < records; passed += 1) {
    const fixed = afterName(bytes, at);
    at = fixed + 10 + bytes.readUInt16BE(fixed + 8);
  }
  return at;
}

export function afterName(bytes: Buffer, at: number): number {
  for (let place = at; ;) {
    const length = bytes.readUInt8(place);
    if (length >= 0xc0) return place + 2;
    place += 1 + length;
    if (length === 0) return place;
  }
}

/** As it is declared. */
export function valueText(type: RecordType, answered: unknown): string {
  if (typeof answered === "string")
    return type === "A" || type === "AAAA" ? answered : canonicalName(answered);
  if (type === "TXT") return textOf(answered);
  const { preference, exchange, priority, weight, port, target, flags, tag, value } = answered as Readonly<
    Record<string, string | number>
  >;
  if (type === "MX") return `${preference} ${canonicalName(String(exchange))}`;
  if (type === "SRV") return `${priority} ${weight} ${port} ${canonicalName(String(target))}`;
  return `${flags} ${tag} "${value}"`;
}

function textOf(answered: unknown): string {
  const parts = (Array.isArray(answered) ? answered : [answered]) as readonly (string | Uint8Array)[];
  return Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))).toString();
}
