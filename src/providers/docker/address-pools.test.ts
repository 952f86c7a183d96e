import { describe, expect, it } from "vitest";
import { USUAL_POOLS, isWithin, rangesIn } from "./address-pools.ts";

describe("the ranges that an engine gives by itself", () => {
  it("are 31 where it was told nothing", () => {
    expect(rangesIn(USUAL_POOLS)).toBe(31);
  });

  it("are as many as the pools have room for", () => {
    expect(rangesIn([{ Base: "10.1.0.0/20", Size: 26 }])).toBe(64);
    expect(rangesIn([{ Base: "fd00::/48", Size: 64 }])).toBe(0);
    expect(rangesIn([{ Base: "10.0.0.0/24", Size: 16 }])).toBe(0);
  });

  it.each([
    ["172.17.0.0/16", true],
    ["192.168.240.0/20", true],
    ["172.16.0.0/16", false],
    ["10.0.0.0/8", false],
    ["fd00::/64", false],
    [undefined, false],
  ])("%s is one of them: %s", (cidr, isOne) => {
    expect(isWithin(cidr, USUAL_POOLS)).toBe(isOne);
  });
});
