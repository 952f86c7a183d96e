/** Requests of Prometheus' remote write 1.0, for a sender that wants to cost little: labels are encoded once. */
import { METRIC_NAME } from "../../src/metrics/labels.ts";

/** The part of a TimeSeries message that never changes. */
export function encodeLabels(labels: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(labels).sort((a, b) =>
    a === METRIC_NAME || (b !== METRIC_NAME && a < b) ? -1 : 1,
  );
  return Buffer.concat(
    names.map((name) => {
      const pair = Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(labels[name] ?? ""))]);
      return field(1, pair);
    }),
  );
}

/** A TimeSeries with one sample, as a field of a WriteRequest. */
export function encodeSeries(labels: Buffer, value: number, time: number): Buffer {
  const sample = Buffer.alloc(9);
  sample[0] = (1 << 3) | 1;
  sample.writeDoubleLE(value, 1);
  const message = Buffer.concat([sample, Buffer.of(2 << 3), varint(time)]);
  return field(1, Buffer.concat([labels, field(2, message)]));
}

/** Snappy's block format with literals only: valid, and nothing to do for either side. */
export function pack(plain: Buffer): Buffer {
  const parts = [varint(plain.length)];
  for (let at = 0; at < plain.length; at += 65_536) {
    const part = plain.subarray(at, at + 65_536);
    const length = part.length - 1;
    parts.push(Buffer.of(61 << 2, length & 255, length >> 8), part);
  }
  return Buffer.concat(parts);
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
