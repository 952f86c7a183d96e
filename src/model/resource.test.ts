import fc from "fast-check";
import { expect, it } from "vitest";
import { NAME_PATTERN, addressOf, deepFreeze, keyOf, keyText, parseKeyText, rootName } from "./resource.ts";

it("a kind's root name is lower camel case, with acronyms in one", () => {
  expect(["Service", "LoadBalancer", "DNSZone", "DNSRecord", "ConfigMap"].map(rootName)).toEqual([
    "service",
    "loadBalancer",
    "dnsZone",
    "dnsRecord",
    "configMap",
  ]);
});

it("a key's text can be read back", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}[a-z0-9]$/);
  fc.assert(
    fc.property(
      fc.constantFrom("Service", "DNSZone"),
      fc.oneof(name, fc.constant("")),
      name,
      (kind, namespace, text) => {
        const key = { kind, namespace, name: text };
        expect(parseKeyText(keyText(key))).toEqual(key);
      },
    ),
  );
});

it("an address is the same from a resource and from its key", () => {
  const resource = { kind: "LoadBalancer", metadata: { name: "front", namespace: "default" } };
  expect(addressOf(resource)).toBe("loadBalancer/front");
  expect(addressOf(keyOf(resource))).toBe("loadBalancer/front");
  expect(keyOf({ kind: "Namespace", metadata: { name: "a" } }).namespace).toBe("");
});

it("names are those of RFC 1123", () => {
  for (const good of ["a", "a-b", "a.b", "0", "a".repeat(253)])
    expect(NAME_PATTERN.test(good), good).toBe(true);
  for (const bad of ["", "A", "-a", "a-", "a_b", "a/b", "a b", "a".repeat(254), "a\n"])
    expect(NAME_PATTERN.test(bad), bad).toBe(false);
});

it("freezing reaches all depths", () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  expect(() => ((value.a[0] as { b: number }).b = 2)).toThrow(TypeError);
});
