import { describe, expect, it } from "vitest";
import { findKind, kindNamed, kindOfRoot, kinds } from "./registry.ts";
import { bodySchema, statusSchema } from "./schema.ts";
import { validate } from "./validate.ts";

describe.each(kinds.map((kind) => [kind.kind, kind] as const))("the kind %s", (_name, kind) => {
  it("accepts its own example, and the result again, unchanged", () => {
    const first = validate({
      kind: kind.kind,
      metadata: { name: kind.exampleName },
      ...(kind.example as object),
    });
    expect(first.diagnostics).toEqual([]);
    expect(validate(first.resource).resource).toEqual(first.resource);
  });

  it("is found by every word for it", () => {
    for (const word of [kind.kind, kind.singular, kind.plural, ...kind.shortNames])
      expect(findKind(word)).toBe(kind);
    expect(kindNamed(kind.kind)).toBe(kind);
    expect(kindOfRoot(kind.root)).toBe(kind);
  });

  it("describes each field that people write", () => {
    expect(kind.description).toMatch(/\.$/);
    if (!kind.declarable) return;
    for (const [name, field] of Object.entries(bodySchema(kind).properties ?? {})) {
      const fields = name === "spec" ? Object.entries(field.properties ?? {}) : [[name, field] as const];
      for (const [path, { description }] of fields)
        expect(description ?? `${path} has none`, path).not.toMatch(/has none/);
    }
  });

  it("puts out only what its status has", () => {
    const properties = statusSchema(kind).properties ?? {};
    for (const output of Object.values(kind.outputs))
      expect(Object.keys(properties)).toContain(output.path[1]);
  });

  it("shows its columns for a resource without a status", () => {
    const { resource } = validate({
      kind: kind.kind,
      metadata: { name: kind.exampleName },
      ...(kind.example as object),
    });
    for (const column of kind.columns)
      expect(["string", "number", "undefined"]).toContain(typeof column.value(resource as never));
  });
});
