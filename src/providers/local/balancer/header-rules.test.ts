import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HeaderRules } from "./configuration.ts";
import { ask, Fixture, simple, type Backend } from "./fixtures/processes.ts";
import { compileRules, edited, headerRuleProblems } from "./header-rules.ts";

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["a line break in a value", { set: { "X-A": "1\r\nX-B: 2" } }, "set.X-A"],
  ["a bare line feed in a value", { add: { "X-A": "1\nX-B: 2" } }, "add.X-A"],
  ["a bare carriage return in a value", { set: { "X-A": "1\r" } }, "set.X-A"],
  ["a zero byte in a value", { set: { "X-A": "\0" } }, "set.X-A"],
  ["what latin1 cannot write", { set: { "X-A": "\u010d\u010a" } }, "set.X-A"],
  ["a line break in a name", { set: { "X-A\r\nX-B": "1" } }, "set.X-A\\r\\nX-B"],
  ["a colon in a name", { remove: ["X-A:"] }, "remove.X-A:"],
  ["a blank in a name", { add: { "X A": "1" } }, "add.X A"],
  ["an empty name", { set: { "": "1" } }, "set."],
  ["a pseudo field", { set: { ":path": "/" } }, "set.:path"],
  ["a length", { set: { "Content-Length": "0" } }, "set.Content-Length"],
  ["a coding", { add: { "transfer-encoding": "chunked" } }, "add.transfer-encoding"],
  ["the removal of a length", { remove: ["Content-Length"] }, "remove.Content-Length"],
  ["Connection", { set: { Connection: "close" } }, "set.Connection"],
  ["Upgrade", { set: { UPGRADE: "h2c" } }, "set.UPGRADE"],
  ["a second Host", { add: { Host: "x" } }, "add"],
  ["no Host", { remove: ["host"] }, "remove"],
  ["one name twice", { set: { "X-A": "1", "x-a": "2" } }, "set.x-a"],
  ["a value that is no text", { set: { "X-A": 1 } }, "set.X-A"],
  ["a rule of another name", { replace: {} }, "replace"],
  ["a list for an object", { set: ["X-A"] }, "set"],
  ["an object for a list", { remove: { "X-A": "" } }, "remove"],
];

describe("header rules", () => {
  it.each(REFUSED)("are refused with %s", (_title, rules, at) => {
    expect(headerRuleProblems(rules).map((problem) => problem.at)).toContain(at);
  });

  it("never repeat a value where they are refused", () => {
    const problems = headerRuleProblems({ set: { "X-A": "secret\r\n" } });
    expect(JSON.stringify(problems)).not.toContain("secret");
  });

  it("that are accepted write exactly the lines they name, whatever they hold", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 300 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.dictionary(text, text), fc.dictionary(text, text), (set, add) => {
        const rules: HeaderRules = { set, add };
        if (headerRuleProblems(rules).length > 0) return;
        const lines = compileRules(rules)?.lines ?? "";
        const names = [...Object.keys(set), ...Object.keys(add)].filter(
          (one) => one.toLowerCase() !== "host",
        );
        expect(
          lines
            .split("\r\n")
            .slice(0, -1)
            .map((line) => line.slice(0, line.indexOf(":"))),
        ).toEqual(names);
        expect(lines).not.toMatch(/[\n\r](?<!\r\n|\r(?=\n))/);
      }),
    );
  });

  it("remove first, then set, then add", () => {
    const rules = compileRules({ remove: ["A", "b"], set: { B: "2", c: "3" }, add: { C: "4", d: "5" } });
    if (rules === undefined) throw new Error("They are something.");
    expect(edited(["a", "0", "B", "0", "C", "0", "D", "0", "E", "0"], rules)).toEqual([
      "D",
      "0",
      "E",
      "0",
      "B",
      "2",
      "c",
      "3",
      "C",
      "4",
      "d",
      "5",
    ]);
  });

  it("cost nothing where there are none", () => {
    expect(compileRules(undefined)).toBeUndefined();
    expect(compileRules({ set: {}, add: {}, remove: [] })).toBeUndefined();
  });
});

describe("a route with header rules", () => {
  const fixture = new Fixture();
  let backend: Backend;
  let port: number;

  beforeAll(async () => {
    [backend] = await Promise.all([fixture.backend("a"), fixture.start()]);
    const listeners = await fixture.client.configure({
      ...simple([backend.member]),
      routes: [
        {
          pool: "app",
          headers: {
            request: {
              set: { "X-Forwarded-For": "unknown", Host: "inner.test" },
              remove: ["X-Request-Id", "Cookie"],
            },
            response: { set: { Server: "ours" }, remove: ["Date"], add: { Vary: "Accept" } },
          },
        },
      ],
    });
    port = listeners[0]?.port ?? 0;
  });
  afterAll(() => fixture.close());

  it("has the last word, over what the balancer itself says too", async () => {
    const answer = await ask(port, "/headers", { headers: { cookie: "a=b", "x-forwarded-for": "6.6.6.6" } });
    const told = JSON.parse(answer.text) as { headers: Record<string, string>; raw: readonly string[] };
    expect(told.headers).toMatchObject({ host: "inner.test", "x-forwarded-for": "unknown" });
    expect(told.raw.filter((name) => name.toLowerCase() === "x-forwarded-for")).toHaveLength(1);
    expect(told.headers).not.toHaveProperty("x-request-id");
    expect(told.headers).not.toHaveProperty("cookie");
    expect(told.headers).toHaveProperty("x-forwarded-proto", "http");
    expect(answer.headers).toMatchObject({ server: "ours", vary: "Accept" });
    expect(answer.headers).not.toHaveProperty("date");
  });

  it("is refused as a whole when a rule is not good, and what was in force stays", async () => {
    const present = await fixture.client.configuration();
    const bad = { ...present, routes: [{ pool: "app", headers: { request: { set: { "X-A": "\r\n" } } } }] };
    await expect(fixture.client.configure(bad)).rejects.toMatchObject({
      status: 400,
      diagnostics: [{ address: "routes[0].headers.request.set.X-A" }],
    });
    expect((await ask(port)).headers).toHaveProperty("server", "ours");
  });
});
