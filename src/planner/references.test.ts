import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWorld, manifest, service } from "./fixtures/world.ts";

const base = [
  manifest("System", "shop", { parameters: { size: { type: "integer", default: 2 }, open: {} } }),
  manifest("Database", "orders"),
  { kind: "Secret", metadata: { name: "keys" }, stringData: { stripe: "x" }, generate: { session: {} } },
  { kind: "ConfigMap", metadata: { name: "limits" }, data: { rate: "1" } },
];
const errorOf = (expression: string, world = createWorld()): string | undefined => {
  const [first] = world.diagnostics([...base, service("api", { env: { A: expression } })]);
  return first === undefined ? undefined : `${first.code}: ${first.message} ${first.hint ?? ""}`;
};

describe("a reference to what is there", () => {
  it.each([
    "${database.orders.status.url}",
    "${database.orders.status.conditions}",
    "${database.orders.metadata.name}",
    "${database.orders.spec.retain}",
    "${secret.keys.stripe}",
    "${secret.keys.data.session}",
    "${configMap.limits.rate}",
    "${configMap.limits.data.rate}",
    "${param.size * 2}",
    "${env.HOME}",
  ])("%s is admitted", (expression) => {
    expect(errorOf(expression)).toBeUndefined();
  });

  it("may lead to what lives outside the system, in the same namespace", async () => {
    const world = createWorld();
    await world.apply([{ kind: "Secret", metadata: { name: "vault" }, stringData: { key: "x" } }], {
      system: "other",
    });
    expect(errorOf("${secret.vault.key}", world)).toBeUndefined();
    expect(errorOf("${secret.vault.kye}", world)).toBe(
      "UnknownOutput: secret/vault has no 'kye' to refer to. Its keys: key.",
    );
    expect(
      world.diagnostics([service("api", { env: { A: "${secret.vault.key}" } })], { namespace: "prod" }),
    ).toMatchObject([{ code: "MissingReference" }]);
  });
});

describe("a reference to what is not there", () => {
  it.each([
    ["${database.order.status.url}", "MissingReference: There is no database/order. Did you mean 'orders'?"],
    [
      "${volume.orders.status.path}",
      "MissingReference: There is no volume/orders. Did you mean the Database 'orders'?",
    ],
    [
      "${database.orders.status.ur1}",
      "UnknownOutput: database/orders has no 'ur1' to refer to. Did you mean 'url'?",
    ],
    [
      "${database.orders.url}",
      "UnknownOutput: database/orders has no 'url' to refer to. Write ${database.orders.status.url}.",
    ],
    [
      "${database.orders}",
      "IncompleteReference: ${database.orders} does not say what of it is meant. Write ${database.orders.status.url}.",
    ],
    [
      "${database.orders.spec.constructor}",
      "UnknownOutput: database/orders has no 'constructor' to refer to. There is: ",
    ],
    ["${secret.keys.strip}", "UnknownOutput: secret/keys has no 'strip' to refer to. Did you mean 'stripe'?"],
    [
      "${configMap.limits.data.rat}",
      "UnknownOutput: configMap/limits has no 'rat' to refer to. Did you mean 'rate'?",
    ],
    ["${param.sise}", "UnknownParameter: There is no parameter 'sise'. Did you mean 'size'?"],
    [
      "${param.size-1}",
      "UnknownParameter: There is no parameter 'size-1'. Write spaces around a minus: ${param.size - 1}.",
    ],
    ["${param.open}", "MissingValue: The parameter 'open' has no value. Give it a value or a default."],
  ])("%s is refused with a remedy", (expression, expected) => {
    expect(errorOf(expression)).toContain(expected);
  });

  it("is refused when it is there, but would go with this very plan", async () => {
    const world = createWorld();
    await world.apply(base);
    expect(
      world.diagnostics([service("api", { env: { A: "${database.orders.status.url}" } })]),
    ).toMatchObject([
      {
        code: "MissingReference",
        message: "database/orders exists, but is no longer declared and would be deleted.",
      },
    ]);
  });

  it("is refused in fields and dependsOn as well, but the location local is always there", () => {
    const diagnostics = createWorld().diagnostics([
      service("api", { volumes: [{ volume: "v", path: "/" }], dependsOn: ["db/x"], location: "rack" }),
    ]);
    expect(diagnostics.map(({ path }) => path).toSorted()).toEqual([
      "spec.dependsOn[0]",
      "spec.location",
      "spec.volumes[0].volume",
    ]);
  });
});

describe("a cycle", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const edges = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 10 });

  it("is refused with its whole path, which is a true one, and only then", () => {
    fc.assert(
      fc.property(edges, (pairs) => {
        const needs = (name: string): readonly string[] =>
          pairs.filter(([from]) => from === name).map(([, to]) => `service/${to}`);
        const diagnostics = createWorld().diagnostics(
          names.map((name) => service(name, { dependsOn: needs(name) })),
        );
        const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
          needs(from).some(
            (next) =>
              next === `service/${to}` || (!seen.has(next) && reaches(next.slice(8), to, seen.add(next))),
          );
        expect(diagnostics.length > 0).toBe(names.some((name) => reaches(name, name)));
        for (const { code, message, address } of diagnostics) {
          expect(code).toBe("ReferenceCycle");
          const path = message.includes("itself")
            ? [address ?? "", address ?? ""]
            : message.replace("These wait for each other: ", "").replace(/\.$/, "").split(" -> ");
          expect(path[0]).toBe(path.at(-1));
          for (const [index, node] of path.slice(0, -1).entries())
            expect(needs(node.slice(8))).toContain(path[index + 1]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("is found by way of data too, and two are both reported", () => {
    const diagnostics = createWorld().diagnostics([
      service("a", { env: { X: "${service.b.status.replicas}" } }),
      service("b", { dependsOn: ["service/a"] }),
      service("c", { dependsOn: ["service/d"] }),
      service("d", { env: { X: "${service.c.spec.replicas}" } }),
    ]);
    expect(diagnostics.map(({ message, path }) => `${path} ${message}`)).toEqual([
      "spec.env.X These wait for each other: service/a -> service/b -> service/a.",
      "spec.dependsOn[0] These wait for each other: service/c -> service/d -> service/c.",
    ]);
  });
});
