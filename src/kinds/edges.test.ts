import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import { edgesOf, isSecretReference } from "./edges.ts";

const service = (spec: Record<string, unknown>, metadata: object = {}): Draft => ({
  apiVersion: "tutti.dev/v1",
  kind: "Service",
  metadata: { name: "api", ...metadata },
  spec,
});
const edges = (resource: Draft): readonly string[] =>
  edgesOf(resource).edges.map(({ to, weak }) => (weak ? `${to} weak` : to));
const codes = (resource: Draft): readonly string[] =>
  edgesOf(resource).diagnostics.map(({ code, path }) => `${code} ${path}`);

describe("the edges of a resource", () => {
  it("come from expressions, from fields that name a resource, and from dependsOn", () => {
    const resource = service({
      env: { A: "${database.orders.status.url}" },
      volumes: [{ volume: "uploads", path: "/u" }],
      networks: ["back"],
      dependsOn: ["db/legacy", "DNSZone/z", "loadBalancer/l"],
      location: "local",
    });
    expect(edges(resource).toSorted()).toEqual([
      "database/legacy",
      "database/orders",
      "dnsZone/z",
      "loadBalancer/l",
      "location/local weak",
      "network/back",
      "volume/uploads",
    ]);
  });

  it("know where they stand", () => {
    expect(edgesOf(service({ volumes: [{ volume: "u", path: "/" }] })).edges[0]?.path).toEqual([
      "spec",
      "volumes",
      0,
      "volume",
    ]);
  });

  it("do not come from parameters and the environment", () => {
    expect(edges(service({ env: { A: "${param.a} ${env.HOME}" } }))).toEqual([]);
  });

  it("do not come from plain text that looks like a name", () => {
    expect(edges(service({ command: "orders", env: { A: "database/orders" } }))).toEqual([]);
  });
});

describe("a reference that cannot be", () => {
  it.each([
    [service({ env: { A: "${databse.orders.status.url}" } }), "UnknownReference spec.env.A"],
    [service({ env: { A: "${database}" } }), "UnknownReference spec.env.A"],
    [service({ env: { A: "${database.orders" } }), "InvalidExpression spec.env.A"],
    [service({ dependsOn: ["orders"] }), "InvalidAddress spec.dependsOn[0]"],
    [service({ dependsOn: ["thing/orders"] }), "InvalidAddress spec.dependsOn[0]"],
    [service({}, { labels: { a: "${database.o.status.url}" } }), "ReferenceNotAllowed metadata.labels.a"],
    [service({ command: "run ${secret.s.key}" }), "SecretInTheOpen spec.command"],
    [service({ command: ["run", "${database.o.status.password}"] }), "SecretInTheOpen spec.command[1]"],
  ])("is reported where it stands: %j", (resource, expected) => {
    expect(codes(resource)).toEqual([expected]);
  });

  it("may be a secret in the environment, which is not printed", () => {
    expect(codes(service({ env: { A: "${secret.s.key}", B: "x${database.o.status.url}" } }))).toEqual([]);
  });
});

describe("a reference to a secret", () => {
  const reference = (root: string, ...path: string[]): boolean =>
    isSecretReference({ root, name: "x", path });

  it("is one to data of a Secret or to an output marked as secret, or to something around it", () => {
    expect(reference("secret", "key")).toBe(true);
    expect(reference("secret")).toBe(true);
    expect(reference("database", "status", "url")).toBe(true);
    expect(reference("database", "status")).toBe(true);
    expect(reference("database", "status", "host")).toBe(false);
    expect(reference("secret", "metadata", "name")).toBe(false);
    expect(reference("param")).toBe(false);
  });
});

it("any body is looked through without throwing", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (spec) => {
      edgesOf(service(spec as never));
    }),
    { numRuns: 200 },
  );
});
