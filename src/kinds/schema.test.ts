import { describe, expect, it } from "vitest";
import { type JsonSchema, bodySchema, childSchema, schemaAt, statusSchema, withDefaults } from "./schema.ts";
import { kindNamed } from "./registry.ts";
import type { AnyKind } from "./kind.ts";

const kind = (name: string): AnyKind => kindNamed(name) as AnyKind;

describe("the schema of a kind", () => {
  it("carries the marks of its fields", () => {
    const database = bodySchema(kind("Database"));
    expect(schemaAt(database, ["spec", "engine"])?.immutable).toBe(true);
    expect(schemaAt(database, ["spec", "location"])).toMatchObject({ references: "Location", weak: true });
    expect(schemaAt(bodySchema(kind("Service")), ["spec", "env", "ANY"])?.secret).toBe(true);
    expect(schemaAt(bodySchema(kind("Service")), ["spec", "volumes", 3, "volume"])?.references).toBe(
      "Volume",
    );
  });

  it("lets people leave out what has a default", () => {
    expect(schemaAt(bodySchema(kind("LoadBalancer")), ["spec"])?.required).toBeUndefined();
  });

  it("lets a status grow", () => {
    expect(statusSchema(kind("Service")).required ?? []).toEqual([]);
  });
});

describe("the schema of a member", () => {
  it("is undefined where the schema says nothing, also for names that objects inherit", () => {
    const schema: JsonSchema = { type: "object", properties: { a: { type: "string" } } };
    expect(childSchema(schema, "a")).toEqual({ type: "string" });
    for (const name of ["b", "constructor", "toString", "__proto__"])
      expect(childSchema(schema, name)).toBeUndefined();
    expect(childSchema(undefined, "a")).toBeUndefined();
  });
});

describe("defaults", () => {
  const schema: JsonSchema = {
    properties: {
      a: { default: 1 },
      o: { default: {}, properties: { b: { default: [] } } },
      l: { items: { properties: { c: { default: "x" } } } },
    },
  };

  it("fill what is absent, at all depths and in lists", () => {
    expect(withDefaults(schema, { l: [{}, { c: "y" }] })).toEqual({
      a: 1,
      o: { b: [] },
      l: [{ c: "x" }, { c: "y" }],
    });
  });

  it("leave what is there, null and unknown members too", () => {
    expect(withDefaults(schema, { a: null, o: { b: 2 }, z: 9 })).toEqual({ a: null, o: { b: 2 }, z: 9 });
  });

  it("fill a second time what they filled before: nothing", () => {
    const once = withDefaults(schema, { l: [{}] });
    expect(withDefaults(schema, once)).toEqual(once);
  });

  it("cannot be changed in one resource for another", () => {
    const body = (): { spec: { settings: Record<string, unknown> } } =>
      withDefaults(bodySchema(kind("Database")), {}) as never;
    const first = body();
    try {
      first.spec.settings["max_connections"] = 1;
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError); // it is frozen
    }
    expect(body().spec.settings).toEqual({});
  });
});
