/** Every kind as a type of Terraform's: its schema is one, and what is declared and read says the same. */
import { expect, test } from "vitest";
import { kindNamed, kinds } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, withDefaults } from "../kinds/schema.ts";
import type { Client } from "../client/client.ts";
import { valueOf } from "../terraform/convert.ts";
import { decodeValue, encodeValue } from "../terraform/msgpack.ts";
import { schemaOf } from "../terraform/schema.ts";
import { objectOf } from "../terraform/types.ts";
import { type Members, UNKNOWN, type Value, isMembers } from "../terraform/value.ts";
import { jsonOf, valueSeen } from "./content.ts";
import { kindType } from "./kind-type.ts";
import { placeOf, typeOf } from "./place.ts";
import type { ResourceType, Session } from "./resource-type.ts";

const declared = kinds.filter((kind) => kind.declarable).map((kind) => ({ name: kind.kind, kind }));

test.each(declared)("$name: what its example declares survives Terraform's types", ({ kind }) => {
  const schema = bodySchema(kind);
  const place = placeOf(schema);
  const type = typeOf(place);
  const value = valueSeen(null, kind.example, place, schema);
  const sent = decodeValue(encodeValue(value, type), type);
  expect(filled(schema, jsonOf(sent, place, schema))).toEqual(filled(schema, kind.example));
  expect(valueSeen(sent, filled(schema, kind.example), place, schema)).toBe(sent);
});

test.each(declared)("$name: its schema reads as one, of one type for each element", ({ kind }) => {
  const { schema, type } = kindType(kind);
  const read = schemaOf(schema);
  expect(read.type).toEqual(type);
  expect(JSON.stringify(type)).not.toMatch(/"(list|set|map)",[^,]*dynamic/);
});

function filled(schema: JsonSchema, value: unknown): unknown {
  return JSON.parse(JSON.stringify(withDefaults(schema, value)));
}

const session: Session = {
  client: () => Promise.reject<Client>(new Error("not asked")),
  namespace: "default",
  log: () => undefined,
  signal: new AbortController().signal,
};

function typeNamed(name: string): ResourceType {
  const kind = kindNamed(name);
  if (kind === undefined) throw new Error(name);
  return kindType(kind);
}

/** With null for what is left out, at all depths that the type has. */
function config(type: ResourceType, value: object): Members {
  const whole = (given: unknown, of: unknown): Value => {
    if (given === undefined || given === null) return null;
    const [form, members] = Array.isArray(of) ? (of as readonly unknown[]) : [];
    if (form !== "object" || !isMembers(given)) return given as Value;
    return objectOf(Object.entries(members as object).map(([name, one]) => [name, whole(given[name], one)]));
  };
  return whole(value, type.type) as Members;
}

async function change(
  kind: string,
  before: object,
  after: object,
): Promise<Awaited<ReturnType<ResourceType["plan"]>>> {
  const type = typeNamed(kind);
  const prior = { ...config(type, { name: "a", namespace: "default", ...before }), id: "default/a" };
  return type.plan(session, prior, config(type, { name: "a", ...after }));
}

test("a default that is written down changes nothing, and its outputs stay known", async () => {
  const { value, replaceBecause } = await change(
    "Volume",
    { path: "/v" },
    { spec: { class: "auto", retain: false } },
  );
  expect({ path: value["path"], replaceBecause }).toEqual({ path: "/v", replaceBecause: [] });
});

test("a field that is changed makes the outputs unknown; one that cannot change makes it anew", async () => {
  const grown = await change("Volume", { path: "/v", spec: { size: "1Gi" } }, { spec: { size: "2Gi" } });
  expect([grown.value["path"], grown.replaceBecause]).toEqual([UNKNOWN, []]);
  const moved = await change("Volume", {}, { spec: { location: "munich" } });
  expect(moved.replaceBecause).toEqual([["spec", "location"]]);
  const named = await change("Database", {}, { spec: { database: "a", user: "b" } });
  expect(named.replaceBecause).toEqual([["spec", "user"]]);
  const other = await change("Volume", {}, { name: "b", namespace: "elsewhere" });
  expect(other.replaceBecause).toEqual([["name"], ["namespace"]]);
});

test("what is wrong is said where it stands, with what to do; what is unknown may be anything", () => {
  const type = typeNamed("Service");
  const spec = {
    replicas: 2.5,
    image: UNKNOWN,
    depends_on: UNKNOWN,
    ports: [{ name: "HTTP", port: UNKNOWN, protocol: null }],
  };
  const found = type.validate(config(type, { name: "A", spec }));
  expect(found.map(({ path }) => path)).toEqual([
    ["name"],
    ["spec", "replicas"],
    ["spec", "ports", 0, "name"],
  ]);
  expect(found[0]?.detail).toContain("lower case");
  expect(type.validate(config(type, { name: UNKNOWN, spec: UNKNOWN }))).toEqual([]);
});

test("within what may be of any type both ways of writing names are understood", () => {
  const type = typeNamed("Service");
  for (const name of ["average_value", "averageValue"]) {
    const target = { type: "AverageValue", [name]: "1" };
    const metrics = valueOf([{ type: "Resource", resource: { name: "cpu", target } }], "dynamic");
    const spec = { command: valueOf("sleep 1", "dynamic"), autoscale: { metrics } };
    const found = type.validate(config(type, { name: "a", spec }));
    expect(found.map(({ summary }) => summary).join()).not.toContain("There is no field");
  }
  const wrong = valueOf([{ name: "log", dependsUpon: [] }], "dynamic");
  const found = type.validate(config(type, { name: "a", spec: { sidecars: wrong } }));
  expect(found[0]).toMatchObject({
    path: ["spec", "sidecars"],
    summary: expect.stringContaining("spec.sidecars[0].dependsUpon: There is no field") as string,
  });
});
