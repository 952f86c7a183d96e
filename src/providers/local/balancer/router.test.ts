import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalisedPath, Router, type Routable } from "./router.ts";

const label = fc.constantFrom("a", "b", "c");
const host = fc.oneof(
  fc.constant(undefined),
  fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(".")),
  fc.array(label, { minLength: 1, maxLength: 2 }).map((parts) => `*.${parts.join(".")}`),
);
const path = fc.oneof(
  fc.constant(undefined),
  fc.array(label, { maxLength: 3 }).map((parts) => `/${parts.join("/")}`),
);
const routes = fc.array(
  fc
    .record({ host, path, listeners: fc.option(fc.subarray(["one", "two"]), { nil: undefined }) })
    .map((one) => {
      const { host: h, path: p, listeners: l } = one;
      return {
        ...(h === undefined ? {} : { host: h }),
        ...(p === undefined ? {} : { path: p }),
        ...(l === undefined ? {} : { listeners: l }),
      } as Routable;
    }),
  { maxLength: 12 },
);
const asked = fc.record({
  listener: fc.constantFrom("one", "two"),
  host: fc.array(label, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(".")),
  path: fc
    .array(fc.constantFrom("a", "b", "c", "ab"), { maxLength: 4 })
    .map((parts) => `/${parts.join("/")}`),
});

/** The rule, said as slowly as possible: among all that match, the most specific host, then path, then the first. */
function slowly(
  list: readonly Routable[],
  request: { listener: string; host: string; path: string },
): Routable | undefined {
  const rank = (one: Routable): readonly [number, number] => [
    one.host === undefined ? 0 : one.host.startsWith("*.") ? one.host.length : 1_000,
    (one.path ?? "/").replace(/\/+$/, "").length,
  ];
  const matching = list.filter((one) => {
    if (one.listeners !== undefined && !one.listeners.includes(request.listener)) return false;
    if (one.host !== undefined) {
      if (one.host.startsWith("*.") ? !request.host.endsWith(one.host.slice(1)) : request.host !== one.host)
        return false;
    }
    const prefix = (one.path ?? "/").replace(/\/+$/, "");
    return request.path === prefix || request.path.startsWith(`${prefix}/`);
  });
  return matching.reduce<Routable | undefined>((best, one) => {
    if (best === undefined) return one;
    const [bestHost, bestPath] = rank(best);
    const [oneHost, onePath] = rank(one);
    return oneHost > bestHost || (oneHost === bestHost && onePath > bestPath) ? one : best;
  }, undefined);
}

describe("router", () => {
  it("finds the route that the rule names", () => {
    fc.assert(
      fc.property(routes, asked, (list, request) => {
        expect(new Router(list).match(request.listener, request.host, request.path)).toBe(
          slowly(list, request),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it("matches prefixes by whole segments", () => {
    const router = new Router([{ path: "/api" }]);
    expect(router.match("x", "h", "/api/v1")).toBeDefined();
    expect(router.match("x", "h", "/apiary")).toBeUndefined();
  });

  it("leaves no dot segment in a path, and a path without one alone", () => {
    const segment = fc.constantFrom("a", ".", "..", "%2e", "%2E.", "b.c", "");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        const result = normalisedPath(`/${segments.join("/")}`);
        expect(result.startsWith("/")).toBe(true);
        expect(result.split("/").some((one) => /^(\.|%2e){1,2}$/i.test(one))).toBe(false);
        expect(normalisedPath(result)).toBe(result);
      }),
    );
    expect(normalisedPath("/public/../admin")).toBe("/admin");
    expect(normalisedPath("/a/b/%2e%2e/")).toBe("/a/");
  });
});
