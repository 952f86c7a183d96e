/**
 * Signs DNS messages with a shared secret, and checks what is answered (TSIG, RFC 8945).
 *
 *     message --HMAC over message and variables--> message with a TSIG record at its end
 *     answer  --HMAC over the request's MAC, the answer without its record, its variables--> believed or not
 *
 *  - An answer that is not signed as it should be is no answer, whatever it says.
 *  - Clocks may differ by five minutes.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { afterName, encodedName } from "./wire.ts";

export const ALGORITHMS = ["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1"] as const;

export interface TsigKey {
  readonly name: string;
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly secret: Uint8Array;
}

const TSIG = 250;
const ANY = 255;
const FUDGE = 300;
const HEADER = 12;
/** Messages of a transfer between two that are signed. */
const MOST_UNSIGNED = 99;

interface Variables {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly error: number;
  readonly other: Buffer;
}

/** With the record at its end, and the MAC that an answer is checked against. */
export function signed(
  message: Buffer,
  key: TsigKey,
  now: number,
): { readonly message: Buffer; readonly mac: Buffer } {
  const variables = { time: Math.floor(now / 1000), error: 0, other: Buffer.alloc(0) };
  const mac = macOf([message, variablesBytes(variables, key)], key);
  const whole = Buffer.concat([message, record(message.readUInt16BE(0), mac, variables, key)]);
  whole.writeUInt16BE(whole.readUInt16BE(10) + 1, 10);
  return { message: whole, mac };
}

/**
 * Whether answers to one signed request are to be believed. A transfer has many: the first is signed over the request's MAC,
 * each that follows over the one before it and over those between that are not signed (RFC 8945, 5.3.1).
 */
export class Trust {
  readonly #key: TsigKey;
  #mac: Buffer;
  #isFirst = true;
  readonly #unsigned: Buffer[] = [];

  constructor(key: TsigKey, requestMac: Buffer) {
    this.#key = key;
    this.#mac = requestMac;
  }

  /** A signature over what came last is still to come. */
  get isOwed(): boolean {
    return this.#unsigned.length > 0;
  }

  /** Why the answer is not to be believed; undefined when it is. `at`: where its TSIG record begins. */
  distrust(answer: Buffer, at: number | undefined, now: number): string | undefined {
    const tsig = at === undefined ? undefined : readRecord(answer, at);
    if (tsig === undefined) {
      this.#unsigned.push(Buffer.from(answer));
      return this.#isFirst || this.#unsigned.length > MOST_UNSIGNED ? "it is not signed" : undefined;
    }
    const refusal = ERRORS[tsig.error];
    if (refusal !== undefined) return refusal;
    const bare = Buffer.from(answer.subarray(0, at));
    bare.writeUInt16BE(bare.readUInt16BE(10) - 1, 10);
    bare.writeUInt16BE(tsig.originalId, 0);
    const variables = this.#isFirst ? variablesBytes(tsig, this.#key) : timesBytes(tsig);
    const expected = macOf([sized(this.#mac), ...this.#unsigned.splice(0), bare, variables], this.#key);
    if (expected.length !== tsig.mac.length || !timingSafeEqual(expected, tsig.mac))
      return "its signature is wrong";
    this.#mac = tsig.mac;
    this.#isFirst = false;
    return Math.abs(Math.floor(now / 1000) - tsig.time) > FUDGE ? "its clock differs too much" : undefined;
  }
}

/** RFC 8945, section 3. */
const ERRORS: Readonly<Record<number, string>> = {
  16: "the key's secret is not the one it knows",
  17: "it does not know the key",
  18: "its clock differs too much",
  22: "it cuts signatures off",
};

function macOf(parts: readonly Buffer[], { algorithm, secret }: TsigKey): Buffer {
  const hmac = createHmac(algorithm.slice("hmac-".length), secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** RFC 8945, section 4.3.3. */
function variablesBytes({ time, error, other }: Variables, key: TsigKey): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(ANY, 0);
  const tail = Buffer.alloc(10);
  tail.writeUIntBE(time, 0, 6);
  tail.writeUInt16BE(FUDGE, 6);
  tail.writeUInt16BE(error, 8);
  return Buffer.concat([encodedName(key.name), head, encodedName(key.algorithm), tail, sized(other)]);
}

function timesBytes({ time }: Variables): Buffer {
  const times = Buffer.alloc(8);
  times.writeUIntBE(time, 0, 6);
  times.writeUInt16BE(FUDGE, 6);
  return times;
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function record(id: number, mac: Buffer, variables: Variables, key: TsigKey): Buffer {
  const { error, other } = variables;
  const ids = Buffer.alloc(4);
  ids.writeUInt16BE(id, 0);
  ids.writeUInt16BE(error, 2);
  const content = Buffer.concat([
    encodedName(key.algorithm),
    timesBytes(variables),
    sized(mac),
    ids,
    sized(other),
  ]);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(TSIG, 0);
  head.writeUInt16BE(ANY, 2);
  return Buffer.concat([encodedName(key.name), head, sized(content)]);
}

interface Read extends Variables {
  readonly mac: Buffer;
  readonly originalId: number;
}

/** Undefined when it is cut off, or no TSIG record. */
function readRecord(answer: Buffer, at: number): Read | undefined {
  if (at < HEADER) return undefined;
  try {
    let place = afterName(answer, at);
    if (answer.readUInt16BE(place) !== TSIG) return undefined;
    place = afterName(answer, place + 10);
    const time = answer.readUIntBE(place, 6);
    const macLength = answer.readUInt16BE(place + 8);
    const mac = answer.subarray(place + 10, place + 10 + macLength);
    place += 10 + macLength;
    const originalId = answer.readUInt16BE(place);
    const error = answer.readUInt16BE(place + 2);
    const otherLength = answer.readUInt16BE(place + 4);
    return { time, mac, originalId, error, other: answer.subarray(place + 6, place + 6 + otherLength) };
  } catch (problem) {
    if (problem instanceof RangeError) return undefined;
    throw problem;
  }
}
