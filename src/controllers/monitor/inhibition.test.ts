/** What is told of an outage, and what is not, because the outage explains it: by the graph of what needs what. */
import { describe, expect, it } from "vitest";
import type { Draft } from "../../model/resource.ts";
import { draft, stored } from "./fixtures/bench.ts";
import { inhibitRules } from "./inhibition.ts";

/** For each resource with an outage, whose alerts are held back. */
function held(...drafts: readonly Draft[]): Readonly<Record<string, string>> {
  const rules = inhibitRules(drafts.map((one) => stored(one))).filter(({ equal }) => equal === undefined);
  const address = (matchers: readonly string[]): string =>
    matchers.find((text) => text.startsWith("tutti_resource"))?.replace(/^tutti_resource=~?/, "") ?? "";
  return Object.fromEntries(
    rules
      .filter(({ source_matchers: source }) => source.length === 3)
      .map(({ source_matchers: source, target_matchers: target }) => [
        JSON.parse(address(source)) as string,
        JSON.parse(address(target)) as string,
      ]),
  );
}

const service = (name: string, spec: object = {}): Draft =>
  draft("Service", name, { command: "run", ...spec });

describe("an outage", () => {
  it("holds back alerts of what needs it, directly or not", () => {
    expect(
      held(
        draft("Database", "orders", {}),
        service("api", { env: { URL: "${database.orders.status.url}" } }),
        service("web", { dependsOn: ["service/api"] }),
        draft("LoadBalancer", "front", { routes: [{ service: "web" }] }),
      ),
    ).toEqual({
      "database/orders": "loadBalancer/front|service/api|service/web",
      "service/api": "loadBalancer/front|service/web",
      "service/web": "loadBalancer/front",
    });
  });

  it("holds back nothing of what does not need it", () => {
    expect(held(service("api"), service("web"))).toEqual({});
  });

  it("never holds back what holds it back: somebody is always told", () => {
    const all = held(
      service("a", { env: { URL: "${loadBalancer.two.status.url}" } }),
      service("b", { env: { URL: "${loadBalancer.one.status.url}" } }),
      draft("LoadBalancer", "one", { routes: [{ service: "a" }] }),
      draft("LoadBalancer", "two", { routes: [{ service: "b" }] }),
    );
    for (const [source, targets] of Object.entries(all))
      for (const target of targets.split("|")) expect((all[target] ?? "").split("|")).not.toContain(source);
  });

  it("is of one namespace: what is called the same elsewhere is told", () => {
    const [rule] = inhibitRules(
      [service("api"), service("web", { dependsOn: ["service/api"] })].map((one) => stored(one)),
    ).filter(({ source_matchers: source }) => source.length === 3);
    expect(rule?.source_matchers).toContain('tutti_namespace="default"');
    expect(rule?.target_matchers).toContain('tutti_namespace="default"');
  });
});
