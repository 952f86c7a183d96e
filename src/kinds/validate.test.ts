import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kinds } from "./registry.ts";
import { validate } from "./validate.ts";

const service = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}): unknown => ({
  kind: "Service",
  metadata: { name: "api", ...metadata },
  spec: { command: "node x", ...spec },
});
const found = (manifest: unknown): readonly string[] =>
  validate(manifest).diagnostics.map(({ code, path }) => `${code} ${path ?? ""}`);

describe("a manifest that is right", () => {
  it("comes out with its defaults, at all depths", () => {
    const { resource } = validate(service({ ports: [{ name: "http" }] }));
    expect(resource).toMatchObject({
      apiVersion: "tutti.dev/v1",
      metadata: { namespace: "default" },
      spec: { replicas: 1, ports: [{ name: "http", protocol: "http" }], stop: { signal: "SIGTERM" } },
    });
  });

  it("may hold an expression wherever a value stands", () => {
    expect(
      found(
        service({
          replicas: "${param.n * 2}",
          ports: [{ name: "http", port: "${param.port}" }],
          env: { A: "${param.a}" },
        }),
      ),
    ).toEqual([]);
  });

  it("loses its status, which is not for people to write", () => {
    expect(validate({ ...(service({}) as object), status: { replicas: 9 } }).resource).not.toHaveProperty(
      "status",
    );
  });
});

describe("a manifest that is wrong", () => {
  it.each([
    [service({ replicas: 2, ports: [{ name: "http", port: 80 }] }), "SharedPort spec.ports"],
    [null, "NotAResource "],
    [[], "NotAResource "],
    [{}, "MissingKind kind"],
    [{ kind: "Servise" }, "UnknownKind kind"],
    [{ kind: "Service", metadata: { name: "api" }, spec: {} }, "MissingField spec.command"],
    [service({ replicas: "three" }), "WrongType spec.replicas"],
    [service({ replicas: -1 }), "InvalidValue spec.replicas"],
    [service({ replica: 1 }), "UnknownField spec.replica"],
    [service({ ports: [{ name: "http", prot: 1 }] }), "UnknownField spec.ports[0].prot"],
    [service({ ports: [{ name: "http" }, { name: "http" }] }), "DuplicateName spec.ports"],
    [service({}, { name: "API" }), "InvalidName metadata.name"],
    [service({}, { label: {} }), "UnknownField metadata.label"],
    [service({}, { labels: { a: 1 } }), "WrongType metadata.labels.a"],
    [service({}, { labels: { a: "x y" } }), "InvalidLabel metadata.labels.a"],
    [service({}, { finalizers: 5 }), "WrongType metadata.finalizers"],
    [service({}, { finalizers: [5] }), "WrongType metadata.finalizers"],
    [service({}, { ownerReferences: "x" }), "WrongType metadata.ownerReferences"],
    [{ ...(service({}) as object), apiVersion: "v2" }, "WrongApiVersion apiVersion"],
  ])("is refused: %j", (manifest, expected) => {
    expect(found(manifest)).toContain(expected);
    expect(validate(manifest).resource).toBeUndefined();
  });

  it("is told what was probably meant", () => {
    expect(validate(service({ replica: 1 })).diagnostics[0]?.hint).toBe("Did you mean 'replicas'?");
    expect(validate({ kind: "Servise" }).diagnostics[0]?.hint).toMatch(/Service/);
  });

  it("is told which alternatives there are, and which fields the one has that it names", () => {
    const steps = (step: object): unknown => ({
      kind: "Workflow",
      metadata: { name: "w" },
      spec: { steps: { a: step } },
    });
    const [type] = validate(steps({ type: "runn" })).diagnostics;
    expect(type?.message).toMatch(/^It must be one of function, run, /);
    expect(type?.hint).toBe("Did you mean 'run'?");
    const [, field] = validate(steps({ type: "run", comand: ["true"] })).diagnostics;
    expect(field).toMatchObject({ code: "UnknownField", hint: "Did you mean 'command'?" });
  });

  it("is told everything at once", () => {
    expect(found(service({ replicas: "three", replica: 1, env: { "1A": "x" } })).length).toBe(3);
  });

  it("cannot hide a field under a name that JavaScript gives a meaning", () => {
    const manifest: unknown = JSON.parse(
      '{"kind":"Service","metadata":{"name":"api"},"spec":{"command":"x","__proto__":{"replicas":7}}}',
    );
    expect(found(manifest)).toContain("ForbiddenName spec.__proto__");
    const deep: unknown = JSON.parse(
      '{"kind":"Service","metadata":{"name":"api"},"spec":{"command":"x"},"__proto__":{"a":1}}',
    );
    expect(found(deep)).toContain("ForbiddenName __proto__");
  });
});

describe("any JSON at all", () => {
  const names = kinds.map((kind) => kind.kind);
  const members = [
    "spec",
    "metadata",
    "name",
    "command",
    "ports",
    "env",
    "routes",
    "data",
    "stringData",
    "generate",
    "listeners",
    "labels",
    "__proto__",
    "constructor",
  ];
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, 0, -1, 1.5, "", "x", "${a.b", "${database.d.status.url}"),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...members), tie("node"), { maxKeys: 5 }),
    ),
  })).node;

  it("is answered, never thrown at", () => {
    fc.assert(
      fc.property(value, value, fc.constantFrom(...names, 7, "Nothing"), (metadata, spec, kind) => {
        const result = validate({
          kind,
          metadata: typeof metadata === "object" ? { name: "a", ...(metadata as object) } : metadata,
          spec,
          ...(spec as object | null),
        });
        expect(result.resource === undefined).toBe(result.diagnostics.length > 0);
      }),
      { numRuns: 500 },
    );
  });
});

it("an object that passes itself off as a list is refused, whatever looking at it does", () => {
  const values = JSON.parse('{"length":{"toString":0,"valueOf":0}}') as unknown;
  const { resource, diagnostics } = validate({
    kind: "DNSRecord",
    metadata: { name: "a" },
    spec: { zone: "z", values },
  });
  expect(resource).toBeUndefined();
  expect(diagnostics).toMatchObject([{ severity: "error", address: "dnsRecord/a" }]);
});
