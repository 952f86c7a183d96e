import { expect, test } from "vitest";
import type { Resource } from "../model/resource.ts";
import { metricsText } from "./metrics.ts";

const balancer = (name: string): Resource => ({
  apiVersion: "tutti.dev/v1",
  kind: "LoadBalancer",
  metadata: {
    name,
    namespace: "default",
    uid: name,
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: {},
});

test("samples of all balancers stand together under one head, each with its balancer's name", async () => {
  const text = await metricsText({
    own: () => "tutti_resident_bytes 2\n",
    balancers: () => [balancer("a"), balancer("b")],
    balancerMetrics: () =>
      Promise.resolve('# TYPE requests_total counter\nrequests_total{route="/"} 3\nup 1\n'),
  });
  expect(text).toContain("tutti_resident_bytes 2\n");
  expect(text).toContain(
    '# TYPE requests_total counter\nrequests_total{balancer="default/a",route="/"} 3\nup{balancer="default/a"} 1\nrequests_total{balancer="default/b"',
  );
});

test("a balancer that does not answer is left out", async () => {
  const text = await metricsText({
    own: () => "",
    balancers: () => [balancer("a")],
    balancerMetrics: () => Promise.reject(new Error("gone")),
  });
  expect(text).not.toContain("default/a");
});
