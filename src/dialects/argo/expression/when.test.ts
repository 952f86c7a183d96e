import { describe, expect, it } from "vitest";
import { isMet } from "./when.ts";

describe("a when condition", () => {
  it.each([
    ["heads == heads", true],
    ["heads != heads", false],
    ["(a == b && c == c) || (tails == tails && x != y)", true],
    ["heads =~ hea", true],
    ["heads !~ tai", true],
    ['"" == ""', true],
    ['"two words" in ("one", "two words")', true],
    ["5 > 3 && 2 <= 2", true],
    ["1 + 2 * 3 == 7", true],
    ["!(true == false)", true],
    ["true ? 1 == 1 : 1 == 2", true],
    ["false", false],
    ["[any-thing] == 'any-thing'", true],
  ])("%s is %j", (when, expected) => {
    expect(isMet(when)).toBe(expected);
  });

  it.each(["heads", "a ==", "a-b == c", "5 > heads", "a == b c", "@ == 1"])(
    "%s is refused with what it says",
    (when) => {
      expect(() => isMet(when)).toThrow(when);
    },
  );
});
