import { expect, test } from "vitest";
import { validate } from "./validate.ts";

test("time limits and retries of a lifecycle are refused of a service, with what says it instead", () => {
  const lifecycle = { timeouts: { create: "1m", delete: "1m" }, retries: 3, protect: true };
  const { diagnostics } = validate({
    kind: "Service",
    metadata: { name: "api" },
    spec: { command: "run", lifecycle },
  });
  expect(diagnostics.map(({ path, hint }) => `${path}: ${hint}`)).toEqual([
    expect.stringMatching(/^spec.lifecycle.timeouts.create: .*spec.rollout.progressDeadline/),
    expect.stringMatching(/^spec.lifecycle.timeouts.delete: .*spec.stop.grace/),
    expect.stringMatching(/^spec.lifecycle.retries: .*spec.restart/),
  ]);
});
