/** Which places differ, and which values only look different. */
import { describe, expect, it } from "vitest";
import { kindNamed } from "../../kinds/registry.ts";
import { bodySchema } from "../../kinds/schema.ts";
import { compare, withValue } from "./compare.ts";

const found = (kind: string, made: object, actual: object): readonly string[] => {
  const known = kindNamed(kind);
  const schema = known === undefined ? undefined : bodySchema(known);
  return compare(made, actual, { kind, name: "main", schema }).map(
    ({ path, expected, actual: there }) => `${path}: ${JSON.stringify(expected)} -> ${JSON.stringify(there)}`,
  );
};

describe("a thing differs", () => {
  it("only where it was read back", () => {
    expect(found("Volume", { class: "loop", size: "1Gi" }, {})).toEqual([]);
    expect(found("Volume", { size: "1Gi" }, { size: "2Gi" })).toEqual(['spec.size: "1Gi" -> "2Gi"']);
  });

  it("not where the spec left it to the provider, but where the provider says something no spec knows", () => {
    expect(found("Network", {}, { cidr: "172.18.0.0/16" })).toEqual([]);
    expect(found("Network", {}, { internal: true })).toEqual(["spec.internal: undefined -> true"]);
  });

  it("where something is said to be not there", () => {
    expect(found("Volume", { size: "1Gi" }, { size: null })).toEqual(['spec.size: "1Gi" -> undefined']);
    expect(found("Volume", {}, { size: null })).toEqual([]);
  });

  it("item by item in lists whose items have names", () => {
    const made = {
      users: [
        { name: "app", access: "read" },
        { name: "old", access: "read" },
      ],
    };
    const actual = {
      users: [
        { name: "app", access: "owner" },
        { name: "eve", access: "read" },
      ],
    };
    expect(found("Database", made, actual)).toEqual([
      'spec.users[app].access: "read" -> "owner"',
      'spec.users[old]: {"name":"old","access":"read"} -> undefined',
      'spec.users[eve]: undefined -> {"name":"eve","access":"read"}',
    ]);
  });

  it("where a name stands for an absent field and is another one", () => {
    expect(found("Database", {}, { database: "main" })).toEqual([]);
    expect(found("Database", {}, { database: "other" })).toEqual(['spec.database: "main" -> "other"']);
  });
});

describe("values mean the same", () => {
  it.each([
    ["Volume", { size: "1Gi" }, { size: "1024Mi" }],
    ["Volume", { size: "1Gi" }, { size: "1073741824" }],
    ["Database", { rotate: "24h" }, { rotate: "1d" }],
    ["Database", { extensions: ["a", "b"] }, { extensions: ["b", "a"] }],
    ["Database", { settings: { max_connections: 100 } }, { settings: { max_connections: "100" } }],
    ["Database", { settings: { work_mem: "4MB" } }, { settings: { work_mem: "4096kB" } }],
    ["Database", { settings: { fsync: true } }, { settings: { fsync: "on" } }],
    ["Network", { cidr: "10.1.0.7/24" }, { cidr: "10.1.0.0/24" }],
    [
      "DNSRecord",
      { values: ["b.example.com.", "A.example.com"] },
      { values: ["a.example.com", "b.example.com"] },
    ],
  ])("%s %j and %j", (kind, made, actual) => {
    expect(found(kind, made, actual)).toEqual([]);
  });

  it.each([
    ["Volume", { size: "1Gi" }, { size: "1G" }],
    ["Database", { settings: { work_mem: "4MB" } }, { settings: { work_mem: "4GB" } }],
    ["DNSRecord", { values: ["1.2.3.4"] }, { values: ["1.2.3.5"] }],
    ["Volume", { size: "1Gi" }, { size: "a lot" }],
  ])("not %s %j and %j", (kind, made, actual) => {
    expect(found(kind, made, actual)).toHaveLength(1);
  });
});

it("a value is put where it was found, in lists by name, and taken away", () => {
  const spec = { size: 1, users: [{ name: "app", access: "read" }] };
  expect(withValue(spec, ["users", { named: "app" }, "access"], "owner")).toEqual({
    size: 1,
    users: [{ name: "app", access: "owner" }],
  });
  expect(withValue(spec, ["users", { named: "app" }], undefined)).toEqual({ size: 1, users: [] });
  expect(withValue(spec, ["size"], undefined)).toEqual({ users: spec.users });
  expect(withValue(spec, ["deep", "er"], 1)).toMatchObject({ deep: { er: 1 } });
});
