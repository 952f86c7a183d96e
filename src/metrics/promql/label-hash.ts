/**
 * The hash by which Prometheus tells series apart: XXH64 of names and values, each preceded by its length. limit_ratio()
 * chooses by it, so that it chooses the same series here as there.
 *
 * Source: XXH64 in the specification of xxHash (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
 */
import type { Labels } from "../labels.ts";

const MASK = 0xffff_ffff_ffff_ffffn;
const PRIME_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME_3 = 0x1656_67b1_9e37_79f9n;
const PRIME_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME_5 = 0x27d4_eb2f_1656_67c5n;

/** Spread evenly over [0, 1). */
export function labelPosition(labels: Labels): number {
  return Number(xxh64(encoded(labels))) / 2 ** 64;
}

/** Lengths are a byte, or 255 and three bytes, the lowest first. */
function encoded({ flat }: Labels): Uint8Array {
  const bytes: number[] = [];
  for (const text of flat) {
    const encodedText = Buffer.from(text, "utf8");
    const { length } = encodedText;
    if (length < 255) bytes.push(length);
    else bytes.push(255, length & 255, (length >> 8) & 255, (length >> 16) & 255);
    bytes.push(...encodedText);
  }
  return Uint8Array.from(bytes);
}

export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let at = 0;
  let hash = PRIME_5;
  if (length >= 32) {
    const lanes = [wrap(PRIME_1 + PRIME_2), PRIME_2, 0n, wrap(-PRIME_1)];
    for (; at + 32 <= length; at += 32)
      for (const [lane, value] of lanes.entries())
        lanes[lane] = round(value, view.getBigUint64(at + lane * 8, true));
    const [one = 0n, two = 0n, three = 0n, four = 0n] = lanes;
    hash = wrap(rotate(one, 1n) + rotate(two, 7n) + rotate(three, 12n) + rotate(four, 18n));
    for (const lane of lanes) hash = wrap((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4);
  }
  hash = wrap(hash + BigInt(length));
  for (; at + 8 <= length; at += 8)
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4);
  if (at + 4 <= length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * PRIME_1), 23n) * PRIME_2 + PRIME_3);
    at += 4;
  }
  for (; at < length; at++)
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * PRIME_5), 11n) * PRIME_1);
  hash = wrap((hash ^ (hash >> 33n)) * PRIME_2);
  hash = wrap((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return wrap(rotate(wrap(lane + input * PRIME_2), 31n) * PRIME_1);
}

function rotate(value: bigint, by: bigint): bigint {
  return wrap((value << by) | (value >> (64n - by)));
}

function wrap(value: bigint): bigint {
  return value & MASK;
}
