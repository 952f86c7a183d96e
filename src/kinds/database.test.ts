import { describe, expect, it } from "vitest";
import { validate } from "./validate.ts";

function problemsOf(spec: object): readonly { code: string; path: string | undefined }[] {
  return validate({ kind: "Database", metadata: { name: "orders" }, spec }).diagnostics.map(
    ({ code, path }) => ({ code, path }),
  );
}

describe("the schedule of backups", () => {
  it.each(["0 3 * * *", "*/15 * * * *", "${param.schedule}"])("may be %s", (schedule) => {
    expect(problemsOf({ backup: { schedule } })).toEqual([]);
  });

  it.each(["nightly", "0 25 * * *", "0 0 30 2 *", "2026-01-01T00:00:00"])("may not be %s", (schedule) => {
    expect(problemsOf({ backup: { schedule } })).toEqual([
      { code: "InvalidSchedule", path: "spec.backup.schedule" },
    ]);
  });
});

describe("what a database begins from", () => {
  it.each([
    { backup: "orders-1" },
    { database: "orders", at: "2026-05-04T10:30:00Z" },
    { database: "orders", at: "2026-05-04T10:30:00.123456+02:00" },
  ])("may be %o", (restore) => {
    expect(problemsOf({ restore })).toEqual([]);
  });

  it.each([
    [{}, "InvalidRestore"],
    [{ at: "2026-05-04T10:30:00Z" }, "InvalidRestore"],
    [{ backup: "orders-1", database: "orders", at: "2026-05-04T10:30:00Z" }, "InvalidRestore"],
    [{ database: "orders", at: "yesterday" }, "InvalidTime"],
  ])("may not be %o", (restore, code) => {
    expect(problemsOf({ restore }).map((problem) => problem.code)).toEqual([code]);
  });
});
