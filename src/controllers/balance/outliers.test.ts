import { describe, expect, test } from "vitest";
import { outliersOf } from "../../kinds/outliers.ts";
import type { MemberStats } from "../../provider/provider.ts";
import { Condemned } from "./condemned.ts";
import { mostOut, outliers } from "./outliers.ts";

const settings = outliersOf({});
const well = (id: string, changes: Partial<MemberStats> = {}): MemberStats => ({
  pool: "api",
  id,
  requests: 100,
  errors: 0,
  latency: 20,
  inFlight: 1,
  ...changes,
});
const found = (...members: readonly MemberStats[]): readonly string[] =>
  outliers(members, settings).map(({ id }) => id);

describe("a member is taken out when", () => {
  test("it fails most of its requests and its siblings do not", () => {
    expect(found(well("a"), well("b", { errors: 60 }), well("c"))).toEqual(["b"]);
  });

  test("it takes several times as long as its siblings", () => {
    expect(found(well("a"), well("b", { latency: 400 }), well("c"))).toEqual(["b"]);
  });

  test("requests pile up in it and it answers none while its siblings answer", () => {
    expect(found(well("a"), well("b", { requests: 0, inFlight: 40 }), well("c"))).toEqual(["b"]);
  });
});

describe("nobody is taken out when", () => {
  test("all are slow alike, as with a slow database", () => {
    const slow = { latency: 3_000, inFlight: 60 };
    expect(found(well("a", slow), well("b", slow), well("c", slow), well("d", slow))).toEqual([]);
  });

  test("all have become slow, and most have hardly answered since", () => {
    const slow = { latency: 1_500 };
    const past = { latency: 15, isStale: true };
    expect(found(well("a", slow), well("b", slow), well("c", past), well("d", past))).toEqual([]);
    expect(found(well("a", slow), well("b", past), well("c", past), well("d", past))).toEqual([]);
    expect(found(well("a", { ...slow, isStale: true }), well("b", past), well("c", past))).toEqual([]);
  });

  test("all fail alike", () => {
    expect(found(well("a", { errors: 70 }), well("b", { errors: 80 }), well("c", { errors: 60 }))).toEqual(
      [],
    );
  });

  test("it is slower, but fast", () => {
    expect(found(well("a", { latency: 5 }), well("b", { latency: 60 }))).toEqual([]);
  });

  test("it was hardly asked", () => {
    expect(found(well("a"), well("b", { requests: 3, errors: 3, latency: 9_000 }))).toEqual([]);
  });

  test("it has no siblings to be compared with", () => {
    expect(found(well("a", { errors: 100 }))).toEqual([]);
    expect(found(well("a", { errors: 100 }), well("b", { requests: 0 }))).toEqual([]);
  });
});

test("as many may be out at once as the share says, and one always", () => {
  expect(mostOut(2, settings)).toBe(1);
  expect(mostOut(10, settings)).toBe(3);
  expect(mostOut(10, { ...settings, maxShare: "50%" })).toBe(5);
});

test("when replacing does not help there is a pause, told of once", () => {
  const condemned = new Condemned();
  for (const minute of [0, 1, 2]) {
    expect(condemned.pausedUntil("api", 1, minute * 60_000)).toBeUndefined();
    condemned.add("api", minute * 60_000);
  }
  const until = condemned.pausedUntil("api", 1, 3 * 60_000);
  expect(until).toBe(10 * 60_000);
  expect(condemned.isNews("api", until ?? 0)).toBe(true);
  expect(condemned.isNews("api", until ?? 0)).toBe(false);
  expect(condemned.pausedUntil("other", 1, 3 * 60_000)).toBeUndefined();
  expect(condemned.pausedUntil("api", 1, 10 * 60_000)).toBeUndefined();
});
