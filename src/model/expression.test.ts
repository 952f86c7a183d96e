import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import {
  evaluateTemplate,
  isWholeExpression,
  parseExpression,
  parseTemplate,
  referencesIn,
} from "./expression.ts";

const evaluate = (text: string, context: Record<string, unknown> = {}): unknown =>
  evaluateTemplate(parseTemplate(text), context);

describe("what a text with expressions evaluates to", () => {
  it("keeps the type of a text that is one expression", () => {
    expect(evaluate("${param.n * 2}", { param: { n: 3 } })).toBe(6);
    expect(evaluate("${param.on}", { param: { on: true } })).toBe(true);
    expect(evaluate("${param.o}", { param: { o: { a: [1, 2.5] } } })).toEqual({ a: [1, 2.5] });
  });

  it("puts results into the text around them", () => {
    expect(
      evaluate("http://${service.api.host}:${service.api.port}/", {
        service: { api: { host: "::1", port: 80 } },
      }),
    ).toBe("http://::1:80/");
  });

  it("writes ${ for $${", () => {
    expect(evaluate("a$${b} ${param.x}", { param: { x: 1 } })).toBe("a${b} 1");
  });

  it("finds the closing brace behind braces and quotes", () => {
    expect(evaluate("${{'a': 1}.a}-${'}'}")).toBe("1-}");
  });

  it("takes a name with dashes behind a root name as one name", () => {
    expect(evaluate("${secret.stripe-api.key}", { secret: { "stripe-api": { key: "v" } } })).toBe("v");
  });

  it("leaves text literals alone, whatever they hold", () => {
    expect(evaluate('${"see database.a-b.c" + param.x}', { param: { x: "!" } })).toBe("see database.a-b.c!");
  });

  it("gives what JSON cannot say as Protocol Buffers write it in JSON", () => {
    expect(evaluate('${timestamp("2026-01-01T00:00:00Z")}')).toBe("2026-01-01T00:00:00.000Z");
    expect(evaluate('${duration("90s")}')).toBe("90s");
    expect(evaluate('${b"ab"}')).toBe("YWI=");
    expect(evaluate("${{'a': 1}.?a}")).toBe(1);
    expect(evaluate("${{'a': 1}.?b}")).toBe(null);
  });

  it("does not reach what JavaScript objects inherit", () => {
    expect(() => evaluate("${param.constructor}", { param: {} })).toThrow();
    expect(() => evaluate("${param.__proto__}", { param: {} })).toThrow();
  });
});

describe("the references in a text", () => {
  it("are the chains of dots and constant indexes", () => {
    expect(referencesIn('${database.orders.status.url} ${database["or-ders"].status["port"]}')).toEqual([
      { root: "database", name: "orders", path: ["status", "url"] },
      { root: "database", name: "or-ders", path: ["status", "port"] },
    ]);
  });

  it("are found within calls, lists, maps and indexes", () => {
    const found = referencesIn('${has(a.b.c) ? [d.e] : {"k": f.g[h.i]}}').map(({ root }) => root);
    expect(found.toSorted()).toEqual(["a", "d", "f", "h"]);
  });

  it("are not the variables of a macro", () => {
    expect(referencesIn("${service.api.status.conditions.exists(c, c.type == param.t)}")).toEqual([
      { root: "service", name: "api", path: ["status", "conditions"] },
      { root: "param", name: "t", path: [] },
    ]);
    expect(referencesIn("${cel.bind(x, param.y, x + 1)}")).toEqual([{ root: "param", name: "y", path: [] }]);
    expect(referencesIn("${param.list.map(x, x > 1, x * 2)}")).toEqual([
      { root: "param", name: "list", path: [] },
    ]);
  });

  it("are still found where a name is bound elsewhere only", () => {
    expect(parseExpression("[1].map(service, service) == service.api.spec").references).toEqual([
      { root: "service", name: "api", path: ["spec"] },
    ]);
  });
});

describe("a text that is no expression", () => {
  it("is refused with a hint when the brace is never closed", () => {
    expect(() => parseTemplate("${a")).toThrow(DiagnosticError);
  });

  it("is not a whole expression", () => {
    expect(isWholeExpression("${a}")).toBe(true);
    for (const text of ["${a}${b}", "x${a}", "${a", "${a b}", "$${a}", 3, undefined])
      expect(isWholeExpression(text)).toBe(false);
  });

  it("throws nothing but diagnostics, whatever it is", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "${",
        "$${",
        "}",
        "{",
        '"',
        "'",
        "\\",
        ".",
        "-",
        "[",
        "]",
        "(",
        ")",
        "a",
        "param.x",
        "database.a-b.c",
        " ",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          parseTemplate(pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(DiagnosticError);
        }
        isWholeExpression(pieces.join(""));
      }),
      { numRuns: 500 },
    );
  });
});
