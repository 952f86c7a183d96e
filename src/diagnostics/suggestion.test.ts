import { expect, it } from "vitest";
import { didYouMean, suggest } from "./suggestion.ts";

it("a typing error is put right", () => {
  expect(suggest("replica", ["replicas", "rollout"])).toBe("replicas");
  expect(suggest("ur1", ["url", "host"])).toBe("url");
  expect(didYouMean("databse", ["database", "dnsZone"])).toBe("Did you mean 'database'?");
});

it("another case is no other word", () => {
  expect(suggest("SERVICE", ["service"])).toBe("service");
});

it("nothing is suggested that is not near", () => {
  expect(suggest("xyz", ["replicas", "command"])).toBeUndefined();
  expect(suggest("a", [])).toBeUndefined();
  expect(suggest("a".repeat(10_000), ["a"])).toBeUndefined();
  expect(didYouMean("", ["replicas"])).toBeUndefined();
});
