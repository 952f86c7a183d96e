/** Rules that nobody could evaluate are refused when they are written, as everything that is wrong is. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkRules } from "../controllers/monitor/check-rules.ts";
import { type Serving, serving } from "./fixtures/serving.ts";

const RULES = "/apis/tutti.dev/v1/namespaces/default/alertrules";

let api: Serving;

beforeEach(async () => {
  api = await serving({ checkRules });
});
afterEach(() => api[Symbol.asyncDispose]());

function rule(expr: string, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    kind: "AlertRule",
    metadata: { name: "orders" },
    spec: { groups: [{ name: "orders", rules: [{ alert: "OrdersStalled", expr, annotations }] }] },
  };
}

test("an expression that is no PromQL is refused with what is wrong with it", async () => {
  const { code, body } = await api.request("POST", RULES, rule("sum(rate(orders_total[5m])"));
  expect(code).toBe(422);
  expect(JSON.stringify(body["details"])).toContain("spec.groups");
  expect((await api.request("GET", `${RULES}/orders`)).code).toBe(404);
});

test("a template that is none is refused", async () => {
  expect((await api.request("POST", RULES, rule("up == 0", { summary: "{{ $labels.shop" }))).code).toBe(422);
});

test("what is Prometheus' own stays as it is, byte for byte", async () => {
  const expr = 'label_replace(up, "zone", "${1}-$2", "instance", "(.*)-(.*)") == 0';
  const annotations = { summary: "{{ $labels.zone }} has {{ $value | humanize }}" };
  expect((await api.request("POST", RULES, rule(expr, annotations))).code).toBe(201);
  expect((await api.request("GET", `${RULES}/orders`)).body).toMatchObject({
    spec: { groups: [{ rules: [{ expr, annotations }] }] },
  });
});

test("a rule with a reference is looked at when its value is known", async () => {
  expect((await api.request("POST", RULES, rule("up < ${configMap.limits.data.least}"))).code).toBe(201);
});

test("matchers of who is told and what is silenced are read when they are written", async () => {
  const create = (kind: string, spec: object): Promise<{ readonly code: number }> =>
    api.request("POST", `/apis/tutti.dev/v1/namespaces/default/${kind.toLowerCase()}s`, {
      kind,
      metadata: { name: `one-${Math.random().toString(36).slice(2)}` },
      spec,
    });
  const receiver = (...matchers: readonly string[]) =>
    create("Receiver", { webhook: { url: "http://127.0.0.1:1" }, matchers });
  const silence = (...matchers: readonly object[]) => create("Silence", { matchers, duration: "1h" });
  const regex = (value: string): object => ({ name: "team", value, isRegex: true });
  expect((await receiver('severity=~"("')).code).toBe(422);
  expect((await receiver("severity")).code).toBe(422);
  expect((await receiver('severity=~"a|b"', "team!=c")).code).toBe(201);
  expect((await silence(regex("("))).code).toBe(422);
  expect((await silence(regex(".*"))).code).toBe(422);
  expect((await silence(regex("a.*"), { name: "b", value: "c" })).code).toBe(201);
});
