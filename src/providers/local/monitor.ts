/** Class `embedded` of Monitor: the control plane measures itself. There is nothing to be made. */
import type { Provider } from "../../provider/provider.ts";

export function embeddedMonitors(): Provider {
  const inForce = { ready: true, outputs: {} };
  return {
    kind: "Monitor",
    class: "embedded",
    capabilities: [
      "series, PromQL, rules, alerts and notifications in the control plane, nothing to install",
      "decides within one scrape of a change",
      "speaks Prometheus' and Alertmanager's APIs",
    ],
    observe: () => Promise.resolve(inForce),
    ensure: () => Promise.resolve(inForce),
    remove: () => Promise.resolve([]),
  };
}
