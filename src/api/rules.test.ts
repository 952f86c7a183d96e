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
