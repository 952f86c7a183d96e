import { expect, test } from "vitest";
import { formatQuery, parseQuery, parseSelector, selectorsOf } from "./engine.ts";
import { refusal } from "./fixtures/ask.ts";

function canonical(text: string): string {
  return formatQuery(parseQuery(text, { experimental: true }));
}

test.each([
  [
    "sum(rate(http_requests_total{code=~'5..'}[5m])) by (job,)",
    'sum by (job) (rate(http_requests_total{code=~"5.."}[5m]))',
  ],
  ["SUM without(a) (x)", "sum without (a) (x)"],
  ["x OFFSET 5m @ 20", "x @ 20.000 offset 5m"],
  ["x[90m:] offset -1h30m", "x[1h30m:] offset -1h30m"],
  ["a + on(b,) group_left(c) d", "a + on (b) group_left (c) d"],
  ["a == bool ignoring(x) b", "a == bool ignoring (x) b"],
  ["a and b or c unless on() d", "a and b or c unless on () d"],
  ["0x1F + 1_000 + .5 + 2. + 010", "31 + 1000 + 0.5 + 2 + 8"],
  ["+inF - nAn", "+Inf - NaN"],
  ["1h30m", "1h30m"],
  ['{"a.metric", "a label"="x"}', '{"a.metric","a label"="x"}'],
  ['"\\x41\\u00e9\\n" # a comment', '"Aé\\n"'],
  ["`raw\\n`", '"raw\\\\n"'],
  ["sum by (sum, on, offset) (avg)", "sum by (sum, on, offset) (avg)"],
  ["start + end + step + fill", "start + end + step + fill"],
  ["count_values('v', x)", 'count_values("v", x)'],
  ["a + fill_left(0) fill_right(-1) b", "a + fill_left (0) fill_right (-1) b"],
  ["rate(x[step()+1m] smoothed)", "rate(x[(step() + 60)] smoothed)"],
  ["x{a='b'} offset min_of(step(), 1s)", 'x{a="b"} offset (min_of(step(), 1))'],
])("%s is written %s", (text, expected) => {
  expect(canonical(text)).toBe(expected);
  expect(canonical(expected)).toBe(expected);
});

test.each([
  ["-1 ^ 2", "unary"],
  ["2 ^ 3 ^ 2", "^"],
  ["1 + 2 * 3", "+"],
  ["1 * 2 + 3", "+"],
  ["a or b and c", "or"],
  ["a unless b or c", "or"],
  ["-a * b", "*"],
  ["1 - 2 - 3", "-"],
])("the outermost of %s is %s", (text, outermost) => {
  const expression = parseQuery(text);
  expect(expression.kind === "binary" ? expression.operator : expression.kind).toBe(outermost);
});

test("powers bind to the right, everything else to the left", () => {
  expect(parseQuery("2 ^ 3 ^ 2")).toMatchObject({ left: { value: 2 }, right: { operator: "^" } });
  expect(parseQuery("1 - 2 - 3")).toMatchObject({ left: { operator: "-" }, right: { value: 3 } });
});

test.each([
  ["rate(x)", "1:6", 'expected type range vector in call to function "rate", got instant vector'],
  ["foo(x)", "1:1", 'unknown function with name "foo"'],
  ["sum()", "1:1", "no arguments for aggregate expression provided"],
  ["topk(x)", "1:1", "wrong number of arguments for aggregate expression provided, expected 2, got 1"],
  ["clamp(x, 1)", "1:1", 'expected 3 argument(s) in call to "clamp", got 2'],
  ["round(x, 1, 2)", "1:1", 'expected at most 2 argument(s) in call to "round", got 3'],
  ["1 > 2", "1:3", "comparisons between scalars must use BOOL modifier"],
  ["a + bool b", "1:3", "bool modifier can only be used on comparison operators"],
  ["a and 1", "1:3", 'set operator "and" not allowed in binary scalar expression'],
  ["a + on(b) 1", "1:3", "vector matching only allowed between instant vectors"],
  ["a + on(x) group_left(x) b", "1:3", 'label "x" must not occur in ON and GROUP clause at once'],
  ["a and on(x) group_left b", "1:3", 'no grouping allowed for "and" operation'],
  ["{}", "1:1", "vector selector must contain at least one non-empty matcher"],
  ['a{__name__="b"}', "1:1", 'metric name must not be set twice: "a" or "b"'],
  ['x{a=~"("}', "1:6", "error parsing regexp: missing closing ): `(?s)(`"],
  ["x[0s]", "1:3", "duration must be greater than 0"],
  ["x[300y]", "1:3", "duration out of range"],
  ["x offset 1e300", "1:10", "duration out of range"],
  ["(a + b)[5m]", "1:8", "ranges only allowed for vector selectors"],
  ["x[5m][1h:]", "1:1", "subquery is only allowed on instant vector, got range vector instead"],
  ["x offset 5m offset 5m", "1:13", "offset may not be set multiple times"],
  [
    "sum(x) offset 5m",
    "1:8",
    "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
  ],
  ['"a" + 1', "1:1", "binary expression must contain only scalar and instant vector types"],
  [
    '-"a"',
    "1:1",
    'unary expression only allowed on expressions of type scalar or instant vector, got "string"',
  ],
  ["sum(\n  x[5m]\n)", "2:3", "expected type instant vector in aggregation expression, got range vector"],
  ["5mm", "1:1", 'bad number or duration syntax: "5mm"'],
  ['x{a="b', "1:5", "unterminated quoted string"],
  ['"\\q"', "1:1", 'invalid escape sequence in "\\q"'],
  ["x y", "1:3", 'unexpected identifier "y" in query'],
  ["(x", "1:3", 'unexpected end of input in parenthesised expression, expected ")"'],
  ["x ? y", "1:3", "unexpected character: '?'"],
  ["  ", "1:1", "no expression found in input"],
  ["step()", "1:1", 'function "step" is experimental and not enabled'],
  ["limitk(1, x)", "1:1", 'aggregation "limitk" is experimental and not enabled'],
  ["x[5m+1m]", "1:3", "a duration expression is experimental and not enabled"],
])("%s is refused at %s: %s", (text, position, message) => {
  const error = refusal(() => parseQuery(text));
  expect(error).toMatchObject({ kind: "bad_data", message });
  expect(`${error.position?.line}:${error.position?.column}`).toBe(position);
});

test("a missing range is refused with the way to give one", () => {
  expect(refusal(() => parseQuery("rate(x)")).hint).toContain("x[5m]");
});

test("a series selector is a list of matchers, and nothing else", () => {
  const matchers = parseSelector('up{job=~"a.*", instance!=""}');
  expect(matchers.map(({ name, operator, value }) => `${name}${operator}${value}`)).toEqual([
    "__name__=up",
    "job=~a.*",
    "instance!=",
  ]);
  expect(refusal(() => parseSelector("up + up")).message).toBe('unexpected "+" in series selector');
  expect(refusal(() => parseSelector("sum(up)")).message).toBe('unexpected "(" in series selector');
});

test("the selectors of an expression are found wherever they are", () => {
  const text = "topk(scalar(a), sum by (x) (rate(b[5m])) / on (x) max_over_time((c offset 5m)[1h:]))";
  expect(selectorsOf(parseQuery(text)).map(({ name }) => name)).toEqual(["a", "b", "c"]);
});

test.each([
  ["parentheses", "(".repeat(100_000)],
  ["signs", `${"-".repeat(100_000)}1`],
  ["operators", `1${" + 1".repeat(100_000)}`],
  ["powers", `1${" ^ 1".repeat(100_000)}`],
  ["parentheses in a duration", `x[${"(".repeat(100_000)}5m]`],
  ["aggregations", `${"sum(".repeat(100_000)}x`],
])("a hundred thousand nested %s are refused", (_what, text) => {
  expect(refusal(() => parseQuery(text, { experimental: true })).message).toBe(
    "expression is nested too deeply",
  );
});

test("long lists of alternatives are no nesting", () => {
  const names = Array.from({ length: 500 }, (_, at) => `metric_${at}`);
  expect(parseQuery(names.join(" or ")).kind).toBe("binary");
});

test("any text is parsed or refused, and nothing breaks", () => {
  const pieces = [
    "x",
    "{",
    "}",
    "(",
    ")",
    "[5m]",
    "[5m:1m]",
    "sum",
    "by",
    "rate",
    '"a"',
    "=",
    "=~",
    "+",
    "-",
    "@",
    "offset",
    "1",
    "5m",
    ",",
    "on",
    "bool",
    "~",
    "\\",
    "'",
    "group_left",
  ];
  let seed = 7;
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let at = 0; at < 8; at++) {
      seed = (seed * 48_271) % 2_147_483_647;
      text += `${pieces[seed % pieces.length]} `;
    }
    try {
      parseQuery(text);
    } catch (error) {
      expect(error).toMatchObject({ name: "PromQLError", kind: "bad_data" });
    }
  }
});
