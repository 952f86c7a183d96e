import { describe, expect, it } from "vitest";
import { needsOf } from "./features.ts";
import { validate } from "./validate.ts";

function declared(kind: string, spec: object): unknown {
  const { resource, diagnostics } = validate({ kind, metadata: { name: "x" }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  return resource.spec;
}

describe("what a declaration needs", () => {
  it("is nothing for what every class has, defaults among it", () => {
    expect(needsOf("Service", declared("Service", { command: "node web.js", ports: [] }))).toEqual([]);
    expect(needsOf("Database", declared("Database", { engine: "postgres" }))).toEqual([]);
    expect(needsOf("Volume", declared("Volume", {}))).toEqual([]);
    expect(needsOf("LoadBalancer", declared("LoadBalancer", {}))).toEqual([]);
  });

  it("is each marked field it uses, once, at the first place that does", () => {
    const spec = { image: "shop/api:1", pull: { policy: "always" }, user: "nobody", readOnlyRoot: true };
    expect(needsOf("Service", declared("Service", spec))).toEqual([
      { feature: "images", path: "spec.image" },
      { feature: "users", path: "spec.user" },
      { feature: "read-only root", path: "spec.readOnlyRoot" },
    ]);
  });

  it("is not what is said to be off or empty", () => {
    const spec = { command: "x", readOnlyRoot: false, aliases: [], init: [] };
    expect(needsOf("Service", declared("Service", spec))).toEqual([]);
    expect(needsOf("Database", declared("Database", { backup: { archive: false } }))).toEqual([
      { feature: "backups", path: "spec.backup" },
    ]);
  });

  it("is found within lists, under its index", () => {
    const routes = [
      { path: "/", service: "web" },
      { path: "/api", service: "api", sticky: {} },
    ];
    expect(needsOf("LoadBalancer", declared("LoadBalancer", { routes }))).toEqual([
      { feature: "stickiness", path: "spec.routes[1].sticky" },
    ]);
  });

  it("goes by the value where a mark says so", () => {
    expect(needsOf("Database", declared("Database", { engine: "redis" }))).toEqual([
      { feature: "redis", path: "spec.engine" },
    ]);
  });

  it("is nothing for a kind that nobody knows, and for what is no spec at all", () => {
    expect(needsOf("Nothing", { image: "x" })).toEqual([]);
    expect(needsOf("Service", undefined)).toEqual([]);
    expect(needsOf("Service", "${config.all}")).toEqual([]);
  });
});
