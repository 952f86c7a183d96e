import packet, { type OptAnswer } from "dns-packet";
import { type Reply, answerQuestion } from "./answer.ts";
import { type Query, headerBytes, readQuery } from "./query.ts";
import type { Zones } from "./zone.ts";

/**
 * From the bytes of a question to the bytes of its answer. A pure function of both and of the zones: whatever bytes
 * come, it returns an answer or undefined, never throws, and takes time in proportion to their number.
 */
export interface MessageContext {
  readonly zones: Zones;
  readonly transport: "udp" | "tcp";
  readonly turn: number;
}

const codes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const flags = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
} as const;
/** Without EDNS (RFC 1035), and the most we send with it: what passes every network in one piece. */
const plainUdpBytes = 512;
const ednsUdpBytes = 1232;
/** Transfers of whole zones are not offered; to the rest of the world the zones are nobody's business. */
const notOffered: ReadonlySet<string> = new Set(["AXFR", "IXFR"]);

/** Undefined when there is nothing to say: too short to be a question, or itself an answer. */
export function answerMessage(request: Buffer, context: MessageContext): Buffer | undefined {
  if (request.length < headerBytes || (request.readUInt16BE(2) & flags.response) !== 0) return undefined;
  if ((request.readUInt16BE(2) & flags.opcode) !== 0) return headerOnly(request, "NOTIMP");
  const query = readQuery(request);
  if (query === undefined) return headerOnly(request, "FORMERR");
  try {
    return fitted(request, query, replyTo(query, context), context.transport);
  } catch {
    return headerOnly(request, "SERVFAIL"); // a fault of ours must not end the server
  }
}

function replyTo(query: Query, context: MessageContext): Reply {
  if (query.edns !== undefined && query.edns.version > 0) return empty("NOERROR"); // BADVERS, see optRecord
  if (query.name === undefined || !query.inInternet || notOffered.has(query.type)) return empty("REFUSED");
  return answerQuestion(context.zones, query.name, query.type, context.turn);
}

/** What is too large for a datagram goes first without its extras, then empty with the request to ask over TCP. */
function fitted(request: Buffer, query: Query, reply: Reply, transport: "udp" | "tcp"): Buffer {
  const allowed = transport === "tcp" ? 65_535 : udpBytes(query);
  const whole = encode(request, query, reply, false);
  if (whole.length <= allowed) return whole;
  const withoutExtras = encode(request, query, { ...reply, additionals: [] }, false);
  if (withoutExtras.length <= allowed) return withoutExtras;
  return encode(request, query, { ...reply, answers: [], authorities: [], additionals: [] }, true);
}

function empty(code: Reply["code"]): Reply {
  return { code, authoritative: false, answers: [], authorities: [], additionals: [] };
}

function udpBytes({ edns }: Query): number {
  return edns === undefined ? plainUdpBytes : Math.min(ednsUdpBytes, Math.max(plainUdpBytes, edns.udpBytes));
}

/** The question is put in as it came; names in what follows are not compressed, so nothing points across it. */
function encode(request: Buffer, query: Query, reply: Reply, truncated: boolean): Buffer {
  const kept = request.readUInt16BE(2) & flags.recursionDesired;
  const bits =
    kept |
    (reply.authoritative ? flags.authoritative : 0) |
    (truncated ? flags.truncated : 0) |
    codes[reply.code];
  const records = packet.encode({
    type: "response",
    id: request.readUInt16BE(0),
    flags: bits,
    answers: [...reply.answers],
    authorities: [...reply.authorities],
    additionals: [...reply.additionals, ...(query.edns === undefined ? [] : [optRecord(query.edns.version)])],
  });
  records.writeUInt16BE(1, 4);
  return Buffer.concat([records.subarray(0, headerBytes), query.question, records.subarray(headerBytes)]);
}

/** BADVERS is 16: a 1 in the upper bits of the code, which stand in the OPT record (RFC 6891). */
function optRecord(version: number): OptAnswer {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: ednsUdpBytes,
    extendedRcode: version > 0 ? 1 : 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** For questions too broken to be repeated back. */
function headerOnly(request: Buffer, code: keyof typeof codes): Buffer {
  const answer = Buffer.alloc(headerBytes);
  answer.writeUInt16BE(request.readUInt16BE(0), 0);
  const asked = request.readUInt16BE(2);
  answer.writeUInt16BE(flags.response | (asked & (flags.opcode | flags.recursionDesired)) | codes[code], 2);
  return answer;
}
