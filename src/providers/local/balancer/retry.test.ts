import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideRetry, isIdempotent, type Attempt } from "./retry.ts";

const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom("connect", "closed", "malformed", "timeout"),
  method: fc.constantFrom("GET", "PUT", "POST", "PATCH", "DELETE"),
  sent: fc.boolean(),
  reused: fc.boolean(),
  responded: fc.boolean(),
  replayable: fc.boolean(),
  retriesLeft: fc.nat(3),
});

describe("retry", () => {
  it("never repeats what the client has seen a part of", () => {
    fc.assert(
      fc.property(attempt, (one) => {
        expect(decideRetry({ ...one, responded: true })).toBe("give-up");
      }),
    );
  });

  it("never repeats what was sent and is not idempotent, or cannot be sent again", () => {
    fc.assert(
      fc.property(attempt, (one) => {
        if (!one.sent || (isIdempotent(one.method) && one.replayable)) return;
        expect(decideRetry(one)).toBe("give-up");
      }),
    );
  });

  it("tries any method again when nothing was sent", () => {
    fc.assert(
      fc.property(attempt, (one) => {
        expect(decideRetry({ ...one, kind: "connect", sent: false, responded: false, retriesLeft: 0 })).toBe(
          "another",
        );
      }),
    );
  });

  it("does not blame a member for closing an idle connection", () => {
    fc.assert(
      fc.property(attempt, (one) => {
        const stale = {
          ...one,
          kind: "closed",
          method: "GET",
          sent: true,
          reused: true,
          responded: false,
          replayable: true,
        } as const;
        expect(decideRetry(stale)).toBe("same");
      }),
    );
  });
});
