import fc from "fast-check";
import { expect, it } from "vitest";
import { packed } from "../exposition/fixtures/message.ts";
import { SnappyError, unpack } from "./snappy.ts";

it("texts, copies and copies that repeat themselves are unpacked", () => {
  // "abc", 3 back 6 long, then 4 back 5 long with an offset of two bytes, then 1 back 4 long with one of four.
  const block = Buffer.from([
    18,
    2 << 2,
    97,
    98,
    99,
    0b00001001,
    3,
    0b00010010,
    4,
    0,
    0b00001111,
    1,
    0,
    0,
    0,
  ]);
  expect(unpack(block, 100).toString()).toBe(["abc", "abcabc", "cabcc", "cccc"].join(""));
});

it("whatever was packed comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (content) => {
      expect(new Uint8Array(unpack(packed(content), 2000))).toEqual(content);
    }),
  );
});

it("a length above the limit is refused before anything is unpacked", () => {
  const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
  expect(() => unpack(claim, 1000)).toThrow("The body has 4294967295 bytes when unpacked; 1000 are allowed.");
});

it("what is broken is refused", () => {
  const cases: readonly (readonly [bytes: readonly number[], message: RegExp])[] = [
    [[], /does not begin with its length/],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], /does not begin with its length/],
    [[3, 2 << 2, 97], /ends within a text/],
    [[2, 2 << 2, 97, 98, 99], /more than it says/],
    [[4, 2 << 2, 97, 98, 99], /less than it says/],
    [[8, 0, 97, 0b00000001, 2], /before its beginning/],
    [[8, 0, 97, 0b00000001, 0], /refers to nothing/],
    [[8, 0, 97, 0b00000010, 1], /ends within a length/],
    // A length of four bytes that would be negative in 32 bits.
    [[8, 63 << 2, 0xf0, 0xff, 0xff, 0xff], /more than it says/],
  ];
  for (const [bytes, message] of cases) expect(() => unpack(Buffer.from(bytes), 1000)).toThrow(message);
});

it("no bytes make it fail in any other way, or hang", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        unpack(bytes, 10_000);
      } catch (error) {
        expect(error).toBeInstanceOf(SnappyError);
      }
    }),
    { numRuns: 2000 },
  );
});
