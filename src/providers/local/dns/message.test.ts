import packet from "dns-packet";
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerMessage } from "./message.ts";
import { compileZones } from "./zone.ts";

const zones = compileZones(
  {
    listen: { host: "127.0.0.1", port: 0 },
    zones: [{ name: "shop.test", records: [{ name: "*", type: "A", values: ["192.0.2.1"] }] }],
  },
  new Map(),
);

function question(name: string): Buffer {
  return packet.encode({ type: "query", id: 77, questions: [{ type: "A", name }] });
}

test("random and mutated bytes never throw, and every answer repeats the number and is readable", () => {
  const valid = question("api.shop.test");
  const mutated = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 5 }).map((edits) => {
    const bytes = Buffer.from(valid);
    for (const [at, byte] of edits) bytes[at] = byte;
    return bytes;
  });
  const headed = fc
    .uint8Array({ maxLength: 600 })
    .map((bytes) => Buffer.concat([valid.subarray(0, 12), bytes]));
  const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(
      fc.oneof(mutated, headed, random),
      fc.constantFrom("udp", "tcp"),
      fc.nat(),
      (bytes, transport, turn) => {
        const answer = answerMessage(bytes, { zones, transport, turn });
        if (answer === undefined) return bytes.length < 12 || (bytes[2]! & 0x80) !== 0;
        return (
          answer.readUInt16BE(0) === bytes.readUInt16BE(0) &&
          (answer[2]! & 0x80) !== 0 &&
          packet.decode(answer).type === "response"
        );
      },
    ),
    { numRuns: 3_000 },
  );
});

test("a question repeats whatever its name was, byte for byte", () => {
  const odd = question("we!rd.shop.test");
  const answer = answerMessage(odd, { zones, transport: "udp", turn: 0 })!;
  expect(answer.subarray(12, odd.length)).toEqual(odd.subarray(12));
  expect(packet.decode(answer)).toMatchObject({ rcode: "REFUSED" });
});

test("compression in a question is a format error, however it points", () => {
  const bytes = Buffer.concat([question("shop.test").subarray(0, 12), Buffer.from("c00c00010001", "hex")]);
  expect(packet.decode(answerMessage(bytes, { zones, transport: "udp", turn: 0 })!)).toMatchObject({
    rcode: "FORMERR",
  });
});

test("a name longer than 255 bytes is a format error", () => {
  const labels = Buffer.concat([
    ...Array.from({ length: 130 }, () => Buffer.from("\u0001a")),
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
  const bytes = Buffer.concat([question("shop.test").subarray(0, 12), labels]);
  expect(packet.decode(answerMessage(bytes, { zones, transport: "tcp", turn: 0 })!)).toMatchObject({
    rcode: "FORMERR",
  });
});
