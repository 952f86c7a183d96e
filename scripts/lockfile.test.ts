import { expect, test } from "vitest";
import { complete, missingEntries } from "./lockfile.ts";

const asking = { version: "2.0.0", dev: true, optionalDependencies: { "@a/b-linux-x64-musl": "2.0.0" } };

test("a platform's package that the registry did not offer is added with its version and platform", () => {
  const missing = missingEntries({ packages: { "": {}, "node_modules/a": asking } });
  expect([...missing]).toEqual([
    [
      "node_modules/@a/b-linux-x64-musl",
      { version: "2.0.0", cpu: ["x64"], os: ["linux"], libc: ["musl"], dev: true, optional: true },
    ],
  ]);
});

test("what is there already, beside the package or above it, is left alone", () => {
  const nested = { "node_modules/x/node_modules/a": asking, "node_modules/@a/b-linux-x64-musl": {} };
  expect(missingEntries({ packages: { "": {}, ...nested } }).size).toBe(0);
});

test("a range is not guessed at", () => {
  const ranged = { version: "1.0.0", optionalDependencies: { fsevents: "^2.3.0" } };
  expect(missingEntries({ packages: { "node_modules/a": ranged } }).size).toBe(0);
});

test("the completed lockfile misses nothing, holds no address, and completing it again changes nothing", () => {
  const entry = { ...asking, resolved: "https://example.test/a.tgz" };
  const once = complete({ packages: { "": {}, "node_modules/a": entry } });
  expect(missingEntries(once).size).toBe(0);
  expect(JSON.stringify(once)).not.toContain("example.test");
  expect(JSON.stringify(complete(once))).toBe(JSON.stringify(once));
});
