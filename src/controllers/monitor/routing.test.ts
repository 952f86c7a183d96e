/** Every way of telling somebody that can be declared is one that the engine takes. */
import { expect, it } from "vitest";
import { validate } from "../../kinds/validate.ts";
import { loadConfiguration } from "../../metrics/alerting/configuration/load.ts";
import { type ReceiverSpec, routingOf } from "./routing.ts";

it.each([
  { webhook: { url: "http://127.0.0.1:1/", maxAlerts: 3, timeout: "5s" } },
  { slack: { apiUrl: "https://hooks.example.com/x", channel: "#a", titleLink: "https://example.com" } },
  { email: { to: "a@example.com", from: "b@example.com", smarthost: "mail.example.com:25" } },
  { pagerduty: { routingKey: "key", clientUrl: "https://example.com", details: { firingSince: "now" } } },
  { command: { command: ["notify"], env: { TOKEN: "x" }, timeout: "5s" } },
])("%j", (way) => {
  const { resource, diagnostics } = validate({ kind: "Receiver", metadata: { name: "desk" }, spec: way });
  expect(diagnostics).toEqual([]);
  const recipient = { namespace: "default", name: "desk", spec: resource?.spec as ReceiverSpec };
  const text = JSON.stringify(routingOf([recipient], [], []));
  expect(loadConfiguration(text, "routing").diagnostics).toEqual([]);
});
