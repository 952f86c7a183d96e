import { expect, test } from "vitest";
import type { Resource } from "../../model/resource.ts";
import { whyNotThere } from "./tolerable.ts";

const service = {
  apiVersion: "tutti.dev/v1",
  kind: "Service",
  metadata: { name: "api", namespace: "default" },
  spec: { command: "run", replicas: 2, env: { LEVEL: "info" }, ports: [{ name: "http", port: 80 }] },
} as unknown as Resource;

test.each([
  "spec.replicas",
  "spec.env",
  "spec.env.LEVEL",
  "spec.env.*",
  "spec.ports[http].port",
  // A field of the kind that is not said.
  "spec.resources.memory",
  // What was found, and what is below it.
  "spec.env.EXTRA",
  "spec.bridge.mtu",
])("%s may be tolerated", (path) => {
  expect(whyNotThere(path, service, ["spec.env.EXTRA", "spec.bridge"])).toBeUndefined();
});

test.each([
  ["spec.replicsa", "There is no 'spec.replicsa'. Did you mean 'spec.replicas'?"],
  ["spec.env.LEVL", "There is no 'spec.env.LEVL'. Did you mean 'spec.env.LEVEL'?"],
  [
    "spec.nothing.like.it.at.all",
    "There is: spec.command, spec.replicas, spec.env.LEVEL, spec.ports[http].name",
  ],
])("%s may not: it is not there", (path, why) => {
  expect(whyNotThere(path, service, [])).toContain(why);
});
