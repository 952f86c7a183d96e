import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { Keyring, containsSealed, isSealed } from "./sealed.ts";

const keyring = new Keyring(Buffer.alloc(32, 7));

describe("a sealed value", () => {
  it("opens to what was sealed, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(keyring.open(keyring.seal(text))).toBe(text);
      }),
    );
  });

  it("is the same for the same value, and another for another", () => {
    expect(keyring.seal("a")).toBe(keyring.seal("a"));
    expect(keyring.seal("a")).not.toBe(keyring.seal("b"));
  });

  it("is left as it is when sealed again", () => {
    expect(keyring.seal(keyring.seal("a"))).toBe(keyring.seal("a"));
  });

  it("does not hold the value", () => {
    const sealed = keyring.seal("correct horse battery staple");
    expect(sealed).not.toContain("horse");
    expect(Buffer.from(sealed.slice("sealed:v1:".length), "base64url").toString("latin1")).not.toContain(
      "horse",
    );
  });

  it("cannot be opened with another key, nor when a character of it is changed", () => {
    const sealed = keyring.seal("value");
    expect(() => new Keyring(Buffer.alloc(32, 8)).open(sealed)).toThrow(DiagnosticError);
    const changed = sealed.slice(0, -2) + (sealed.at(-2) === "A" ? "B" : "A") + sealed.slice(-1);
    expect(() => keyring.open(changed)).toThrow(DiagnosticError);
    expect(() => keyring.open("sealed:v1:")).toThrow(DiagnosticError);
  });

  it("does not say what it was when it cannot be opened", () => {
    const sealed = keyring.seal("value");
    expect(() => new Keyring(Buffer.alloc(32, 8)).open(sealed)).toThrow(/^(?!.*sealed:v1)/);
  });
});

it("sealed values are found and opened at any depth, and nothing else is touched", () => {
  const value = { a: [keyring.seal("x"), 1, null], b: "plain" };
  expect(containsSealed(value)).toBe(true);
  expect(containsSealed({ url: `postgres://${keyring.seal("x")}@h` })).toBe(true);
  expect(isSealed(`x${keyring.seal("x")}`)).toBe(false);
  expect(keyring.openAll(value)).toEqual({ a: ["x", 1, null], b: "plain" });
  expect(containsSealed(keyring.openAll(value))).toBe(false);
});

it("a master key of another length is refused", () => {
  expect(() => new Keyring(Buffer.alloc(16))).toThrow(RangeError);
});
